//! Line charts as SVG: axes with round steps, lines, a legend. Knows no report.

use std::fmt::Write;

const WIDTH: f64 = 760.0;
const HEIGHT: f64 = 260.0;
const LEFT: f64 = 78.0;
const RIGHT: f64 = 34.0;
const TOP: f64 = 14.0;
const BOTTOM: f64 = 34.0;

/// A line of a chart; gaps where there is no value.
pub(crate) struct Series {
    pub(crate) name: String,
    pub(crate) points: Vec<(f64, Option<f64>)>,
}

/// How an axis maps values, and what its ticks say.
pub(crate) struct Axis {
    pub(crate) min: f64,
    pub(crate) max: f64,
    pub(crate) log: bool,
    pub(crate) ticks: Vec<(f64, String)>,
}

impl Axis {
    /// From 0, with round steps.
    pub(crate) fn linear(max: f64, label: &dyn Fn(f64) -> String) -> Axis {
        let max = if max > 0.0 && max.is_finite() {
            max
        } else {
            1.0
        };
        let raw = max / 4.0;
        let power = 10f64.powf(raw.log10().floor());
        let steps = [1.0, 2.0, 5.0, 10.0].map(|s| s * power);
        let step = steps.into_iter().find(|s| *s >= raw).unwrap_or(raw);
        // Half a step of room, so that the last tick is never left out by rounding.
        let count = (max / step).ceil() as usize;
        let ticks = (0..=count).map(|n| (n as f64 * step, label(n as f64 * step)));
        Axis {
            min: 0.0,
            max: step * count as f64,
            log: false,
            ticks: ticks.collect(),
        }
    }

    /// Powers of ten around the values.
    pub(crate) fn log(min: f64, max: f64, label: &dyn Fn(f64) -> String) -> Axis {
        let low = min.max(1e-3).log10().floor();
        let high = max.max(1e-3).log10().ceil().max(low + 1.0);
        let powers = (low as i32)..=(high as i32);
        let ticks = powers.map(|p| 10f64.powi(p)).map(|v| (v, label(v)));
        Axis {
            min: 10f64.powf(low),
            max: 10f64.powf(high),
            log: true,
            ticks: ticks.collect(),
        }
    }

    /// 0 to 1.
    fn place(&self, value: f64) -> f64 {
        let place = if self.log {
            (value.max(self.min).log10() - self.min.log10()) / (self.max.log10() - self.min.log10())
        } else {
            (value - self.min) / (self.max - self.min)
        };
        place.clamp(0.0, 1.0)
    }
}

pub(crate) struct Chart {
    pub(crate) title: String,
    pub(crate) x: Axis,
    pub(crate) x_name: String,
    pub(crate) y: Axis,
    pub(crate) series: Vec<Series>,
}

impl Chart {
    pub(crate) fn svg(&self) -> String {
        let mut out = String::new();
        // Writing to a string does not fail.
        let _ = self.write(&mut out);
        out
    }

    fn write(&self, out: &mut String) -> std::fmt::Result {
        let (right, bottom) = (WIDTH - RIGHT, HEIGHT - BOTTOM);
        let at_x = |v: f64| LEFT + self.x.place(v) * (right - LEFT);
        let at_y = |v: f64| bottom - self.y.place(v) * (bottom - TOP);
        write!(
            out,
            "<figure><figcaption>{}</figcaption><svg viewBox=\"0 0 {WIDTH} {HEIGHT}\" role=\"img\">",
            escaped(&self.title)
        )?;
        for (value, label) in &self.y.ticks {
            let y = at_y(*value);
            write!(
                out,
                "<line class=\"grid\" x1=\"{LEFT}\" x2=\"{right}\" y1=\"{y:.1}\" y2=\"{y:.1}\"/>\
                 <text x=\"{:.1}\" y=\"{:.1}\" text-anchor=\"end\">{}</text>",
                LEFT - 8.0,
                y + 4.0,
                escaped(label)
            )?;
        }
        for (value, label) in &self.x.ticks {
            let x = at_x(*value);
            write!(
                out,
                "<line class=\"grid\" x1=\"{x:.1}\" x2=\"{x:.1}\" y1=\"{TOP}\" y2=\"{bottom}\"/>\
                 <text x=\"{x:.1}\" y=\"{:.1}\" text-anchor=\"middle\">{}</text>",
                bottom + 16.0,
                escaped(label)
            )?;
        }
        write!(
            out,
            "<text x=\"{right}\" y=\"{:.1}\" text-anchor=\"end\" class=\"name\">{}</text>",
            HEIGHT - 3.0,
            escaped(&self.x_name)
        )?;
        for (index, series) in self.series.iter().enumerate() {
            let mut path = String::new();
            let mut pen_down = false;
            for (x, y) in &series.points {
                match y {
                    Some(y) => {
                        let verb = if pen_down { 'L' } else { 'M' };
                        write!(path, "{verb}{:.1} {:.1}", at_x(*x), at_y(*y))?;
                        pen_down = true;
                    }
                    None => pen_down = false,
                }
            }
            write!(out, "<path class=\"s{index}\" d=\"{path}\"/>")?;
        }
        out.push_str("</svg><p class=\"legend\">");
        for (index, series) in self.series.iter().enumerate() {
            let name = escaped(&series.name);
            write!(out, "<span class=\"s{index}\">{name}</span> ")?;
        }
        out.push_str("</p></figure>");
        Ok(())
    }
}

/// Text that is safe inside HTML and its attributes.
pub(crate) fn escaped(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for c in text.chars() {
        match c {
            '&' => out.push_str("&amp;"),
            '<' => out.push_str("&lt;"),
            '>' => out.push_str("&gt;"),
            '"' => out.push_str("&quot;"),
            '\'' => out.push_str("&#39;"),
            c => out.push(c),
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn steps_are_round_and_reach_the_largest() {
        let label = |v: f64| format!("{v}");
        for (max, last) in [(0.0, 1.0), (7.0, 8.0), (99.0, 100.0), (1234.0, 1500.0)] {
            let axis = Axis::linear(max, &label);
            assert_eq!(axis.max, last, "{max}");
            assert!(axis.ticks.len() <= 6, "{:?}", axis.ticks);
        }
        let axis = Axis::log(35.0, 12_000.0, &label);
        let ticks: Vec<f64> = axis.ticks.iter().map(|t| t.0).collect();
        assert_eq!(ticks, [10.0, 100.0, 1000.0, 10_000.0, 100_000.0]);
        assert!((axis.place(1000.0) - 0.5).abs() < 1e-9);
    }

    #[test]
    fn lines_have_gaps_and_names_are_escaped() {
        let label = |v: f64| format!("{v}");
        let chart = Chart {
            title: "<rate>".into(),
            x: Axis::linear(3.0, &label),
            x_name: "s".into(),
            y: Axis::linear(3.0, &label),
            series: vec![Series {
                name: "a & b".into(),
                points: vec![
                    (0.0, Some(1.0)),
                    (1.0, None),
                    (2.0, Some(2.0)),
                    (3.0, Some(3.0)),
                ],
            }],
        };
        let svg = chart.svg();
        assert!(
            svg.contains("&lt;rate&gt;") && svg.contains("a &amp; b"),
            "{svg}"
        );
        let path = svg.split("d=\"").nth(1).unwrap();
        let path = path.split('"').next().unwrap();
        assert_eq!(
            (path.matches('M').count(), path.matches('L').count()),
            (2, 1)
        );
    }
}
