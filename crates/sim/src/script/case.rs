//! Script files, parsed: cases, and the lines of each.

use super::packet::Packet;
use super::words;

/// One case: it runs in worlds of its own.
pub(super) struct Case {
    pub title: String,
    pub shards: Vec<u16>,
    pub seeds: u64,
    /// With the numbers of their lines.
    pub items: Vec<(usize, Item)>,
}

#[derive(Clone)]
pub(super) enum Item {
    /// `a> PACKET`
    Send(String, Packet),
    /// `a> hex ...`
    SendBytes(String, Vec<u8>),
    /// `a! cut`
    Do(String, Vec<String>),
    /// `a< PACKET | PACKET`, or `a?< PACKET`
    Expect(Expect),
    /// Lines within braces, in any order.
    Block(Vec<(usize, Expect)>),
    /// `@hold log`
    Direct(Vec<String>),
}

#[derive(Clone)]
pub(super) struct Expect {
    pub name: String,
    /// One of them.
    pub wanted: Vec<Wanted>,
    pub optional: bool,
}

#[derive(Clone)]
pub(super) enum Wanted {
    Packet(Packet),
    Closed,
    Nothing,
    /// Whatever else there is.
    Rest,
}

/// What is wrong with a script, and in which line.
type Fault = (usize, String);

/// Parses a file. Lines before the first `=== title` belong to each case.
pub(super) fn parse(text: &str) -> Result<Vec<Case>, Fault> {
    let mut parts: Vec<(String, Vec<(usize, &str)>)> = vec![(String::new(), Vec::new())];
    for (at, line) in text.lines().enumerate() {
        let line = line.trim();
        if let Some(title) = line.strip_prefix("===") {
            parts.push((title.trim().into(), Vec::new()));
        } else if !line.is_empty()
            && !line.starts_with('#')
            && let Some((_, lines)) = parts.last_mut()
        {
            lines.push((at + 1, line));
        }
    }
    let (_, head) = parts.remove(0);
    if parts.is_empty() {
        return one(String::new(), &head);
    }
    let mut cases = Vec::new();
    for (title, lines) in parts {
        let lines: Vec<_> = head.iter().copied().chain(lines).collect();
        cases.extend(one(title, &lines)?);
    }
    Ok(cases)
}

/// The cases of one part: several where it says `@for`.
fn one(title: String, lines: &[(usize, &str)]) -> Result<Vec<Case>, Fault> {
    let each = lines
        .iter()
        .find_map(|(_, line)| line.strip_prefix("@for "));
    let Some(each) = each else {
        return Ok(vec![case(title, lines)?]);
    };
    let mut words = each.split_whitespace();
    let name = words.next().unwrap_or_default();
    let pattern = format!("{{{name}}}");
    let rest = lines
        .iter()
        .filter(|(_, line)| line.strip_prefix("@for ") != Some(each));
    let rest: Vec<_> = rest.copied().collect();
    let mut cases = Vec::new();
    for value in words {
        let replaced: Vec<_> = rest
            .iter()
            .map(|(at, line)| (*at, line.replace(&pattern, value)))
            .collect();
        let lines: Vec<_> = replaced
            .iter()
            .map(|(at, line)| (*at, line.as_str()))
            .collect();
        cases.extend(one(format!("{title} {name}={value}"), &lines)?);
    }
    Ok(cases)
}

fn case(title: String, lines: &[(usize, &str)]) -> Result<Case, Fault> {
    let mut case = Case {
        title,
        shards: vec![1, 2],
        seeds: 4,
        items: Vec::new(),
    };
    let mut block: Option<(usize, Vec<(usize, Expect)>)> = None;
    for &(at, line) in lines {
        let fault = |what: String| (at, what);
        match (line, &mut block) {
            ("{", None) => block = Some((at, Vec::new())),
            ("}", Some(_)) => {
                let (at, expects) = block.take().unwrap_or_default();
                case.items.push((at, Item::Block(expects)));
            }
            (_, Some((_, expects))) => match item(line).map_err(fault)? {
                Item::Expect(expect) => expects.push((at, expect)),
                _ => return Err((at, "within braces stand only lines that expect".into())),
            },
            (_, None) => match item(line).map_err(fault)? {
                Item::Direct(words) => {
                    if !shape(&mut case, &words).map_err(fault)? {
                        case.items.push((at, Item::Direct(words)));
                    }
                }
                item => case.items.push((at, item)),
            },
        }
    }
    match block {
        Some((at, _)) => Err((at, "this brace is not closed".into())),
        None => Ok(case),
    }
}

/// Directives about how a case is run; false for any other.
fn shape(case: &mut Case, words: &[String]) -> Result<bool, String> {
    let numbers = |words: &[String]| {
        words
            .iter()
            .map(|w| words::number(w))
            .collect::<Result<Vec<_>, _>>()
    };
    match words.first().map(String::as_str) {
        Some("shards") => {
            case.shards = numbers(&words[1..])?.iter().map(|n| *n as u16).collect();
        }
        Some("seeds") => {
            case.seeds = u64::from(numbers(&words[1..])?.first().copied().unwrap_or(1))
        }
        _ => return Ok(false),
    }
    Ok(true)
}

fn item(line: &str) -> Result<Item, String> {
    if let Some(direct) = line.strip_prefix('@') {
        // An access rule is passed on as it stands.
        return Ok(Item::Direct(match direct.split_once(' ') {
            Some(("acl", rule)) => vec!["acl".into(), rule.into()],
            _ => words::split(direct)?,
        }));
    }
    let at = line
        .find(['<', '>', '!'])
        .ok_or("neither a packet nor a directive")?;
    let (name, mark, rest) = (line[..at].trim(), &line[at..=at], line[at + 1..].trim());
    let (name, optional) = match name.strip_suffix('?') {
        Some(name) => (name, true),
        None => (name, false),
    };
    if name.is_empty() || !name.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'_') {
        return Err(format!("{name:?} is no name of a connection"));
    }
    let name = name.to_owned();
    match mark {
        ">" => match rest.strip_prefix("hex ") {
            Some(hex) => Ok(Item::SendBytes(name, words::hex(hex)?)),
            None => Ok(Item::Send(name, Packet::parse(&words::split(rest)?)?)),
        },
        "!" => Ok(Item::Do(name, words::split(rest)?)),
        _ => {
            let words = words::split(rest)?;
            let wanted: Result<Vec<_>, _> = words.split(|w| w == "|").map(wanted).collect();
            Ok(Item::Expect(Expect {
                name,
                wanted: wanted?,
                optional,
            }))
        }
    }
}

fn wanted(words: &[String]) -> Result<Wanted, String> {
    match words {
        [word] if word == "CLOSED" => Ok(Wanted::Closed),
        [word] if word == "NOTHING" => Ok(Wanted::Nothing),
        [word] if word == "REST" => Ok(Wanted::Rest),
        words => Ok(Wanted::Packet(Packet::parse(words)?)),
    }
}

impl std::fmt::Display for Wanted {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Wanted::Packet(packet) => write!(f, "{packet}"),
            Wanted::Closed => write!(f, "CLOSED"),
            Wanted::Nothing => write!(f, "NOTHING"),
            Wanted::Rest => write!(f, "REST"),
        }
    }
}

impl std::fmt::Display for Expect {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        for (n, wanted) in self.wanted.iter().enumerate() {
            write!(f, "{}{wanted}", if n == 0 { "" } else { " | " })?;
        }
        Ok(())
    }
}
