//! What the API lists: a page of it, one thing of it, and what was done to one.
//!
//! Asks and prints, as a table or as JSON; owns nothing.

use super::shown::{Column, json, print_fields, print_table};
use crate::api::{Api, Query, path};
use crate::failure::Failure;
use crate::output::{self, Output};
use clap::Args;
use serde_json::Value;

/// Which part of a list
#[derive(Clone, Debug, Args)]
#[command(next_help_heading = "The list")]
pub(crate) struct ListOptions {
    /// Rows, from 1 to 1000
    #[arg(long, value_name = "N", default_value_t = 100, value_parser = clap::value_parser!(u32).range(1..=1000))]
    limit: u32,
    /// Rows to pass over
    #[arg(long, value_name = "N", default_value_t = 0)]
    offset: u32,
    /// Order by a field, such as client_id; the greatest first with --sort=-FIELD
    #[arg(long, value_name = "FIELD", allow_hyphen_values = true)]
    sort: Option<String>,
    /// Only those of which this is true; may be repeated
    #[arg(long, value_name = "NAME=VALUE", value_parser = parse_filter)]
    filter: Vec<(String, String)>,
}

fn parse_filter(word: &str) -> Result<(String, String), String> {
    match word.split_once('=') {
        Some((name, value)) if !name.is_empty() => Ok((name.to_owned(), value.to_owned())),
        _ => Err("it is like client_id=sensor".into()),
    }
}

impl ListOptions {
    /// Also only those of which this is true.
    pub(crate) fn also(mut self, name: &str, value: &str) -> ListOptions {
        self.filter.push((name.into(), value.into()));
        self
    }

    fn query(&self) -> Query {
        let query = Query::default()
            .with("limit", &self.limit.to_string())
            .with("offset", &self.offset.to_string());
        let sort = self.sort.iter().map(|field| ("sort", field.as_str()));
        let filters = self.filter.iter().map(|(n, v)| (n.as_str(), v.as_str()));
        sort.chain(filters)
            .fold(query, |query, (n, v)| query.with(n, v))
    }
}

/// Prints a page of `what`.
pub(crate) fn list(
    api: &Api,
    what: &str,
    options: &ListOptions,
    columns: &[Column],
    as_json: bool,
) -> Result<(), Failure> {
    let page = api.get(&path(&[what]), &options.query())?;
    let mut out = Output::new(false);
    if as_json {
        out.line(&json(&page))?;
        return out.flush();
    }
    let rows = page.get("items").and_then(Value::as_array);
    let rows = rows.map_or(&[][..], Vec::as_slice);
    print_table(&mut out, columns, rows)?;
    out.flush()?;
    let total = page.get("total").and_then(Value::as_u64).unwrap_or(0);
    let shown = u64::from(options.offset) + rows.len() as u64;
    if rows.is_empty() {
        output::note(&format!("none of {total}"));
    } else if shown < total {
        let from = options.offset + 1;
        output::note(&format!(
            "{from} to {shown} of {total}; go on with --offset {shown}"
        ));
    }
    Ok(())
}

/// Prints all that is known of one thing.
pub(crate) fn show(api: &Api, segments: &[&str], as_json: bool) -> Result<(), Failure> {
    let answer = api.get(&path(segments), &Query::default())?;
    let mut out = Output::new(false);
    match &answer {
        Value::Object(fields) if !as_json => print_fields(&mut out, fields)?,
        answer => out.line(&json(answer))?,
    }
    out.flush()
}

/// Says what was done to something, or prints it as JSON.
pub(crate) fn done(sentence: &str, answer: &Value, as_json: bool) -> Result<(), Failure> {
    let mut out = Output::new(false);
    if as_json {
        out.line(&json(answer))?;
    } else {
        out.line(sentence)?;
    }
    out.flush()
}
