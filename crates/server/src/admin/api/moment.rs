//! A point in time, as the API writes it: RFC 3339 in UTC, with milliseconds.

use jiff::Timestamp;
use jiff::fmt::temporal::DateTimePrinter;
use serde::{Serialize, Serializer};
use utoipa::openapi::schema::{KnownFormat, ObjectBuilder, SchemaFormat, Type};
use utoipa::openapi::{RefOr, Schema};
use utoipa::{PartialSchema, ToSchema};

const PRINTER: DateTimePrinter = DateTimePrinter::new().precision(Some(3));

/// In milliseconds of Unix time.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Moment(pub(super) u64);

impl Serialize for Moment {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let ms = i64::try_from(self.0).unwrap_or(i64::MAX);
        // A clock that is set to a year beyond 9999 shows the last moment that can be written.
        let time = Timestamp::from_millisecond(ms).unwrap_or(Timestamp::MAX);
        serializer.serialize_str(&PRINTER.timestamp_to_string(&time))
    }
}

impl PartialSchema for Moment {
    fn schema() -> RefOr<Schema> {
        let text = ObjectBuilder::new().schema_type(Type::String);
        text.format(Some(SchemaFormat::KnownFormat(KnownFormat::DateTime)))
            .into()
    }
}

impl ToSchema for Moment {}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn written_in_utc_with_milliseconds() {
        let text = |ms| serde_json::to_string(&Moment(ms)).unwrap();
        assert_eq!(text(1_700_000_000_042), "\"2023-11-14T22:13:20.042Z\"");
        assert_eq!(text(0), "\"1970-01-01T00:00:00.000Z\"");
        assert!(text(u64::MAX).starts_with("\"9999-12-"));
    }
}
