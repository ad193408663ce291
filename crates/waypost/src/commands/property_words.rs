//! `-D PACKET NAME VALUE` before the command line is parsed: one word of it, so that a value may begin
//! with `-` and a user property may have two.
//!
//! Pure; the parser sees the parts joined by [`SEPARATOR`].

use crate::client::Property;
use std::ffi::OsString;

/// Between the parts of a gathered word. A property cannot hold it.
pub(crate) const SEPARATOR: char = '\u{1f}';

/// Gathers the words behind each `-D` or `--property` of `pub` and `sub` into one.
pub(crate) fn gather(words: Vec<OsString>) -> Result<Vec<OsString>, String> {
    let takes = words
        .get(1)
        .is_some_and(|command| command == "pub" || command == "sub");
    if !takes {
        return Ok(words);
    }
    let mut gathered = Vec::with_capacity(words.len());
    let mut words = words.into_iter();
    while let Some(word) = words.next() {
        if word == "--" {
            gathered.push(word);
            gathered.extend(words);
            break;
        }
        if word != "-D" && word != "--property" {
            gathered.push(word);
            continue;
        }
        let mut next = || match words.next().map(OsString::into_string) {
            Some(Ok(word)) if word.contains(SEPARATOR) => {
                Err("--property: a value holds a control character".to_owned())
            }
            Some(Ok(word)) => Ok(word),
            Some(Err(_)) => Err("--property: a value is no UTF-8".to_owned()),
            None => Err(
                "--property takes PACKET NAME VALUE, or PACKET user-property NAME VALUE".to_owned(),
            ),
        };
        let mut parts = vec![next()?, next()?, next()?];
        if parts.get(1).is_some_and(|name| Property::is_pair(name)) {
            parts.push(next()?);
        }
        gathered.push("--property".into());
        gathered.push(parts.join(&SEPARATOR.to_string()).into());
    }
    Ok(gathered)
}
