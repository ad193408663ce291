//! Lists: what part of one is asked for, in which order, and how it is picked out of a scan.
//!
//! Shards are asked page by page. Of all rows only those are kept that can still be in the answer, so
//! the memory that a list takes is bounded by where its page ends, not by what there is.

use crate::admin::context::Context;
use crate::admin::problem::Problem;
use crate::admin::shards::mismatched;
use axum::extract::FromRequestParts;
use axum::http::request::Parts;
use broker::inspect::{Answer, MAX_STEP, Page, Question, Scan};
use message::ShardId;
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};
use std::cmp::Ordering;
use std::sync::Arc;
use utoipa::ToSchema;

const DEFAULT_LIMIT: usize = 100;
const MAX_LIMIT: usize = 1000;
/// Where a page may end.
const MAX_END: usize = 100_000;

/// Which part of a list, in which order.
#[derive(Clone, Debug, Default, Deserialize, utoipa::IntoParams)]
#[into_params(parameter_in = Query)]
#[serde(deny_unknown_fields)]
pub(super) struct Paging {
    /// Rows in the answer.
    #[param(minimum = 1, maximum = 1000, default = 100)]
    limit: Option<usize>,
    /// Rows before the first one; with `limit` at most 100,000.
    #[param(minimum = 0, default = 0)]
    offset: Option<usize>,
    /// The field to sort by; `-` before it for the highest first.
    sort: Option<String>,
}

const PAGING: [&str; 3] = ["limit", "offset", "sort"];

/// A part of a list.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct Listing<R> {
    pub(super) items: Vec<R>,
    /// All that the filters let through.
    pub(super) total: usize,
    pub(super) offset: usize,
    pub(super) limit: usize,
}

/// Compares rows by one field.
pub(super) type Compare<R> = fn(&R, &R) -> Ordering;

/// What can be listed.
pub(super) trait Row: Sized + 'static {
    /// The fields that it can be sorted by.
    const SORTS: &'static [(&'static str, Compare<Self>)];

    /// What tells rows apart, and the order where none is asked for.
    fn identity(&self, other: &Self) -> Ordering;
}

/// The fields of a row, for [`Row::SORTS`].
macro_rules! sorts {
    ($($field:ident),+ $(,)?) => {
        &[$((stringify!($field), |a, b| a.$field.cmp(&b.$field))),+]
    };
}
pub(super) use sorts;

/// The query of a list: its part, and the filters `F`.
pub(super) struct Wanted<F> {
    paging: Paging,
    pub(super) filters: F,
}

impl<F: DeserializeOwned, S: Send + Sync> FromRequestParts<S> for Wanted<F> {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, Problem> {
        Wanted::parse(parts.uri.query().unwrap_or_default())
            .map_err(|error| Problem::bad_request(format!("in the query: {error}")))
    }
}

impl<F: DeserializeOwned> Wanted<F> {
    fn parse(query: &str) -> Result<Self, String> {
        let pairs: Vec<(String, String)> =
            serde_urlencoded::from_str(query).map_err(|e| e.to_string())?;
        let is_paging = |(name, _): &(String, String)| PAGING.contains(&name.as_str());
        let (paging, filters): (Vec<_>, Vec<_>) = pairs.into_iter().partition(is_paging);
        Ok(Wanted {
            paging: read(&paging)?,
            filters: read(&filters)?,
        })
    }
}

/// Reads what is optional all of it; an error names the pair.
fn read<T: DeserializeOwned>(pairs: &[(String, String)]) -> Result<T, String> {
    let parse = |pairs: &[(String, String)]| {
        let query = serde_urlencoded::to_string(pairs).map_err(|e| e.to_string())?;
        serde_urlencoded::from_str::<T>(&query).map_err(|e| e.to_string())
    };
    for pair in pairs {
        let (name, value) = pair;
        parse(std::slice::from_ref(pair)).map_err(|e| format!("{name}={value}: {e}"))?;
    }
    parse(pairs)
}

impl<F> Wanted<F> {
    /// What takes the rows of this list.
    pub(super) fn picker<R: Row>(&self) -> Result<Picker<R>, Problem> {
        Picker::new(&self.paging)
    }
}

/// Takes all rows in any order, and keeps those of the page.
pub(super) struct Picker<R> {
    rows: Vec<R>,
    compare: Option<Compare<R>>,
    descending: bool,
    total: usize,
    offset: usize,
    limit: usize,
}

impl<R: Row> Picker<R> {
    fn new(paging: &Paging) -> Result<Self, Problem> {
        let limit = paging.limit.unwrap_or(DEFAULT_LIMIT);
        let offset = paging.offset.unwrap_or(0);
        if !(1..=MAX_LIMIT).contains(&limit) {
            let what = format!("limit must be from 1 to {MAX_LIMIT}, not {limit}");
            return Err(Problem::bad_request(what));
        }
        if offset.saturating_add(limit) > MAX_END {
            return Err(Problem::bad_request(format!(
                "offset and limit together are above {MAX_END}: filter instead"
            )));
        }
        let sort = paging.sort.as_deref().unwrap_or_default();
        let (descending, field) = match sort.strip_prefix('-') {
            Some(field) => (true, field),
            None => (false, sort),
        };
        let known = R::SORTS.iter().find(|(name, _)| *name == field);
        let compare = match (field, known) {
            (_, Some((_, compare))) => Some(*compare),
            ("", None) if !descending => None,
            _ => {
                let names: Vec<_> = R::SORTS.iter().map(|(name, _)| *name).collect();
                let names = names.join(", ");
                let what = format!("no sort by {field:?}; there are {names}");
                return Err(Problem::bad_request(what));
            }
        };
        Ok(Picker {
            rows: Vec::new(),
            compare,
            descending,
            total: 0,
            offset,
            limit,
        })
    }

    pub(super) fn take(&mut self, row: R) {
        self.total += 1;
        self.rows.push(row);
        if self.rows.len() >= 2 * (self.offset + self.limit) {
            self.cut();
        }
    }

    /// Forgets the rows behind the page.
    fn cut(&mut self) {
        let (compare, descending) = (self.compare, self.descending);
        self.rows.sort_unstable_by(|a, b| {
            let order = compare.map_or(Ordering::Equal, |compare| compare(a, b));
            let order = if descending { order.reverse() } else { order };
            order.then_with(|| a.identity(b))
        });
        self.rows.truncate(self.offset + self.limit);
    }

    pub(super) fn finish(mut self) -> Listing<R> {
        self.cut();
        let first = self.offset.min(self.rows.len());
        Listing {
            items: self.rows.split_off(first),
            total: self.total,
            offset: self.offset,
            limit: self.limit,
        }
    }
}

/// Puts a question about a page to each shard until it has no more, and gives each row to `each`.
pub(super) async fn scan<T>(
    context: &Arc<Context>,
    question: fn(Scan) -> Question,
    page_of: fn(Answer) -> Option<Page<T>>,
    mut each: impl FnMut(T),
) -> Result<(), Problem> {
    let _turn = context.scan_turn().await?;
    for shard in 0..context.shards.count() {
        let mut from = Some(Scan::default().from);
        while let Some(place) = from {
            let scan = Scan {
                from: place,
                at_most: MAX_STEP,
            };
            let answer = context.shards.ask(shard, question(scan)).await?;
            let page = page_of(answer).ok_or_else(mismatched)?;
            page.rows.into_iter().for_each(&mut each);
            from = page.next;
        }
    }
    Ok(())
}

/// The shard of a client's session and connection.
pub(super) fn home(context: &Context, client_id: &str) -> ShardId {
    context.shared.home_of(client_id)
}

/// A filter that is a part of a text; no filter lets all through.
pub(super) fn has(text: &str, part: &Option<String>) -> bool {
    part.as_deref().is_none_or(|part| text.contains(part))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[derive(Clone, Debug, PartialEq, Eq)]
    struct Pair {
        name: String,
        size: u64,
    }

    impl Row for Pair {
        const SORTS: &'static [(&'static str, Compare<Self>)] = sorts!(name, size);

        fn identity(&self, other: &Self) -> Ordering {
            self.name.cmp(&other.name)
        }
    }

    #[derive(Debug, Deserialize)]
    #[serde(deny_unknown_fields)]
    struct Filters {
        name: Option<String>,
        big: Option<bool>,
    }

    fn names(query: &str, rows: impl IntoIterator<Item = u64>) -> (Vec<String>, usize) {
        let wanted = Wanted::<Filters>::parse(query).unwrap();
        let mut picker = wanted.picker().unwrap();
        for n in rows {
            let name = format!("{n:03}");
            picker.take(Pair { name, size: n % 10 });
        }
        let listing = picker.finish();
        let names = listing.items.into_iter().map(|row| row.name).collect();
        (names, listing.total)
    }

    #[test]
    fn pages_make_up_the_whole_in_any_order_of_rows() {
        let rows = || (0..250).map(|n| n * 7 % 250);
        for sort in ["", "&sort=name", "&sort=-name", "&sort=size", "&sort=-size"] {
            let mut all = Vec::new();
            for offset in (0..250).step_by(40) {
                let query = format!("limit=40&offset={offset}{sort}");
                let (page, total) = names(&query, rows());
                assert_eq!(total, 250);
                assert_eq!(page, names(&query, 0..250).0);
                all.extend(page);
            }
            let mut expected: Vec<u64> = (0..250).collect();
            match sort {
                "&sort=-name" => expected.reverse(),
                "&sort=size" => expected.sort_by_key(|n| (n % 10, *n)),
                "&sort=-size" => expected.sort_by_key(|n| (10 - n % 10, *n)),
                _ => {}
            }
            let expected: Vec<_> = expected.iter().map(|n| format!("{n:03}")).collect();
            assert_eq!(all, expected, "{sort}");
        }
        assert_eq!(names("offset=300", 0..250), (vec![], 250));
    }

    #[test]
    fn memory_does_not_grow_with_the_list() {
        let wanted = Wanted::<Filters>::parse("limit=10&offset=5").unwrap();
        let mut picker = wanted.picker().unwrap();
        for n in 0..10_000 {
            let name = n.to_string();
            picker.take(Pair { name, size: n });
            assert!(picker.rows.len() < 30);
        }
        assert_eq!(picker.finish().total, 10_000);
    }

    #[test]
    fn what_is_not_known_is_refused() {
        let parsed = Wanted::<Filters>::parse("name=%2Fa+b&big=true&limit=5").unwrap();
        assert_eq!(parsed.filters.name.as_deref(), Some("/a b"));
        assert_eq!(parsed.filters.big, Some(true));
        for (query, what) in [
            ("nam=x", "unknown field `nam`, expected `name` or `big`"),
            (
                "big=maybe",
                "big=maybe: provided string was not `true` or `false`",
            ),
            ("limit=x", "invalid digit"),
            ("limit=-1", "invalid digit"),
            ("name=a&name=b", "duplicate"),
        ] {
            let error = Wanted::<Filters>::parse(query).err().unwrap();
            assert!(error.contains(what), "{query}: {error}");
        }
        for (query, what) in [
            ("limit=0", "from 1 to 1000"),
            ("limit=1001", "from 1 to 1000"),
            ("limit=1000&offset=99001", "filter instead"),
            ("sort=nam", "there are name, size"),
            ("sort=-", "there are name, size"),
        ] {
            let wanted = Wanted::<Filters>::parse(query).unwrap();
            let problem = wanted.picker::<Pair>().err().unwrap();
            assert!(problem.detail().contains(what), "{query}: {problem:?}");
        }
    }
}
