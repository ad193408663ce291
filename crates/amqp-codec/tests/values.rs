//! Tables, arrays and properties: what is read, what is written, what is changed.

mod cases;

use amqp_codec::v091::{
    ArrayBuf, ContentHeader, DecodeError, EncodeError, MAX_TABLE_DEPTH, Properties, PropertiesBuf,
    Property, PropertyId, Table, TableBuf, Value,
};
use cases::values::{HEADERS, values};

fn long(bytes: &[u8]) -> Vec<u8> {
    let mut out = (bytes.len() as u32).to_be_bytes().to_vec();
    out.extend_from_slice(bytes);
    out
}

#[test]
fn values_have_their_letters() {
    for (value, wire) in values() {
        let entry = [&b"\x01k"[..], &wire].concat();
        let table = Table::parse(&entry).unwrap();
        assert_eq!(table.iter().collect::<Vec<_>>(), [("k", value)]);
        let mut buf = TableBuf::new();
        buf.insert("k", value).unwrap();
        assert_eq!(buf.as_table(), table, "{value:?}");
        for end in 1..entry.len() {
            assert!(Table::parse(&entry[..end]).is_err(), "{value:?} at {end}");
        }
        let row = [&b"\x01k"[..], b"A", &long(&[&wire[..], &wire].concat())].concat();
        let array = Table::parse(&row).unwrap().get("k").unwrap();
        let array = array.as_array().unwrap();
        assert_eq!(array.iter().collect::<Vec<_>>(), [value, value]);
        let mut buf = ArrayBuf::new();
        buf.push(value).unwrap();
        buf.push(value).unwrap();
        assert_eq!(buf.as_array(), array);
    }
}

#[test]
fn older_letters_are_read() {
    let table = cases::table("01'U''U'fffe 01'L''L'fffffffffffffffe 01't''t'02");
    let all: Vec<_> = table.iter().map(|(_, value)| value).collect();
    assert_eq!(all, [Value::I16(-2), Value::I64(-2), Value::Bool(true)]);
}

#[test]
fn values_are_asked_for_by_type() {
    let ints = [
        Value::I8(-3),
        Value::I16(-3),
        Value::I32(-3),
        Value::I64(-3),
    ];
    assert!(ints.iter().all(|value| value.as_i64() == Some(-3)));
    let naturals = [Value::U8(250), Value::U16(250), Value::U32(250)];
    assert!(naturals.iter().all(|value| value.as_i64() == Some(250)));
    assert_eq!(Value::Timestamp(1).as_i64(), None);
    assert_eq!(Value::text("10").as_i64(), None);
    assert_eq!(Value::text("é").as_str(), Some("é"));
    assert_eq!(Value::LongString(b"\xff").as_str(), None);
    assert_eq!(Value::Bytes(b"a").as_str(), None);
    assert_eq!(Value::Bool(true).as_bool(), Some(true));
    assert_eq!(Value::U8(1).as_bool(), None);
}

#[test]
fn the_first_of_two_names_counts() {
    let table = cases::table("01'a''b'01 01'b''b'02 01'a''b'03");
    assert_eq!(table.get("a"), Some(Value::I8(1)));
    assert_eq!(table.get("b"), Some(Value::I8(2)));
    assert_eq!(table.get("c"), None);
    assert_eq!(Table::EMPTY.get(""), None);
}

#[test]
fn an_inserted_value_replaces_all_of_its_name() {
    let mut buf = TableBuf::from(cases::table("01'a''b'01 01'b''b'02 01'a''b'03"));
    buf.insert("a", Value::Bool(true)).unwrap();
    let expected = [("b", Value::I8(2)), ("a", Value::Bool(true))];
    assert_eq!(buf.as_table().iter().collect::<Vec<_>>(), expected);
    assert!(buf.remove("b"));
    assert!(!buf.remove("b"));
    assert_eq!(buf.as_table().iter().collect::<Vec<_>>(), expected[1..]);
    let before = buf.clone();
    let name = "n".repeat(256);
    let refused = buf.insert(&name, Value::Void);
    assert_eq!(refused, Err(EncodeError::ShortStringTooLong { len: 256 }));
    assert_eq!(buf, before);
    buf.insert(&name[..255], Value::Void).unwrap();
    assert_eq!(buf.as_table().get(&name[..255]), Some(Value::Void));
}

#[test]
fn nesting_has_an_end() {
    let deepest = nested_tables(MAX_TABLE_DEPTH);
    let table = Table::parse(&deepest).unwrap();
    let too_deep = nested_tables(MAX_TABLE_DEPTH + 1);
    assert_eq!(Table::parse(&too_deep), Err(DecodeError::TableTooDeep));
    let hopeless = nested_tables(10_000);
    assert_eq!(Table::parse(&hopeless), Err(DecodeError::TableTooDeep));

    let mut depth = 1;
    let mut inner = table;
    while let Some(Value::Table(next)) = inner.get("n") {
        inner = next;
        depth += 1;
    }
    assert_eq!(depth, MAX_TABLE_DEPTH);

    let mut buf = TableBuf::new();
    let refused = buf.insert("n", Value::Table(table));
    assert_eq!(refused, Err(EncodeError::TableTooDeep));
    assert!(buf.as_table().is_empty());
    let fits = nested_tables(MAX_TABLE_DEPTH - 1);
    let fits = Table::parse(&fits).unwrap();
    buf.insert("n", Value::Table(fits)).unwrap();
    assert_eq!(buf.as_table(), table);
}

/// Tables in one another, the innermost one empty.
fn nested_tables(depth: usize) -> Vec<u8> {
    (1..depth).fold(Vec::new(), |inner, _| {
        [&b"\x01nF"[..], &long(&inner)].concat()
    })
}

#[test]
fn arrays_count_as_nesting() {
    let arrays = |depth: usize| {
        let inner = (2..depth).fold(Vec::new(), |inner, _| [&b"A"[..], &long(&inner)].concat());
        [&b"\x01nA"[..], &long(&inner)].concat()
    };
    assert!(Table::parse(&arrays(MAX_TABLE_DEPTH)).is_ok());
    let refused = Table::parse(&arrays(MAX_TABLE_DEPTH + 1)).err();
    assert_eq!(refused, Some(DecodeError::TableTooDeep));
}

#[test]
fn headers_decode() {
    for case in HEADERS {
        let payload = cases::bytes(case.payload);
        let header = ContentHeader::decode(&payload).unwrap();
        assert_eq!(header.body_size, case.body_size, "{}", case.name);
        let properties = header.properties;
        assert_eq!(properties.raw(), &payload[12..], "{}", case.name);
        let all: Vec<Property<'_>> = properties.iter().collect();
        let plain: Vec<_> = all
            .iter()
            .copied()
            .filter(|property| property.id() != PropertyId::Headers)
            .collect();
        assert_eq!(plain, case.properties, "{}", case.name);
        let names: Option<Vec<&str>> = properties
            .headers()
            .map(|table| table.iter().map(|(name, _)| name).collect());
        assert_eq!(names.as_deref(), case.headers, "{}", case.name);
        assert_eq!(properties.is_empty(), all.is_empty());
        for &id in PropertyId::ALL {
            let there = all.iter().find(|property| property.id() == id).copied();
            assert_eq!(properties.get(id), there, "{} {id:?}", case.name);
            assert_eq!(properties.has(id), there.is_some());
        }
    }
}

#[test]
fn properties_are_written_in_any_order() {
    for case in HEADERS {
        let payload = cases::bytes(case.payload);
        let properties = ContentHeader::decode(&payload).unwrap().properties;
        let all: Vec<Property<'_>> = properties.iter().collect();
        for turn in 0..=all.len() {
            let mut order = all.clone();
            order.rotate_left(turn);
            let mut buf = PropertiesBuf::new();
            for property in order {
                buf.set(property).unwrap();
            }
            let written = buf.as_properties();
            assert_eq!(Properties::parse(written.raw()), Ok(written));
            assert_eq!(written.iter().collect::<Vec<_>>(), all, "{}", case.name);
            assert_eq!(written.raw() == properties.raw(), case.canonical);
        }
    }
}

#[test]
fn properties_are_changed_one_at_a_time() {
    for case in HEADERS {
        let payload = cases::bytes(case.payload);
        let properties = ContentHeader::decode(&payload).unwrap().properties;
        for &id in PropertyId::ALL {
            let mut buf = PropertiesBuf::from(properties);
            buf.clear(id);
            let rest: Vec<_> = properties.iter().filter(|p| p.id() != id).collect();
            let left = buf.as_properties();
            assert_eq!(Properties::parse(left.raw()), Ok(left));
            assert_eq!(left.iter().collect::<Vec<_>>(), rest, "{}", case.name);
            assert!(!left.has(id));
        }
    }
}

#[test]
fn a_dead_letter_gets_its_history() {
    let payload = cases::bytes(HEADERS[1].payload);
    let properties = ContentHeader::decode(&payload).unwrap().properties;
    let mut death = TableBuf::new();
    death.insert("queue", Value::text("work")).unwrap();
    death.insert("count", Value::I64(1)).unwrap();
    let mut deaths = ArrayBuf::new();
    deaths.push(Value::Table(death.as_table())).unwrap();

    let mut buf = PropertiesBuf::from(properties);
    buf.set_header("x-death", Value::Array(deaths.as_array()))
        .unwrap();
    buf.clear(PropertyId::Expiration);
    buf.set(Property::DeliveryMode(1)).unwrap();
    let changed = Properties::parse(buf.as_properties().raw()).unwrap();
    assert_eq!(changed.expiration(), None);
    assert_eq!(changed.delivery_mode(), Some(1));
    assert_eq!(changed.message_id(), Some(&b"7"[..]));
    assert_eq!(changed.kind(), Some(&b"kind"[..]));
    assert_eq!(changed.timestamp(), Some(1_700_000_000));
    let headers = changed.headers().unwrap();
    assert_eq!(headers.get("h"), Some(Value::Void));
    let history = headers.get("x-death").unwrap().as_array().unwrap();
    let first = history.iter().next().unwrap().as_table().unwrap();
    assert_eq!(first.get("queue").unwrap().as_str(), Some("work"));
    assert_eq!(first.get("count").unwrap().as_i64(), Some(1));

    assert_eq!(buf.remove_header("x-death"), Ok(true));
    assert_eq!(buf.remove_header("x-death"), Ok(false));
    let before = buf.clone();
    let long = [b'x'; 256];
    let refused = buf.set(Property::AppId(&long));
    assert_eq!(refused, Err(EncodeError::ShortStringTooLong { len: 256 }));
    assert_eq!(buf, before);
}

#[test]
fn a_log_can_show_what_is_there() {
    let table = cases::table("01'a''b'01 01'b''A'00000001'V'");
    assert_eq!(format!("{table:?}"), r#"{"a": I8(1), "b": Array([Void])}"#);
    let raw = cases::bytes("1000 02");
    let properties = Properties::parse(&raw).unwrap();
    assert_eq!(format!("{properties:?}"), "[DeliveryMode(2)]");
}

/// A peer can send as many entries of one name as a frame has room for.
#[test]
fn many_of_one_name_go_at_once() {
    let raw = b"\x01aV".repeat(100_000);
    let mut buf = TableBuf::from(Table::parse(&raw).unwrap());
    buf.insert("b", Value::Void).unwrap();
    assert!(buf.remove("a"));
    assert_eq!(buf.as_table(), cases::table("01'b''V'"));
}
