//! Any payload of any method, made from the definitions, and any table, made from a tree. Checks nothing.

use crate::cases::values::values;
use amqp_codec::v091::{
    ArrayBuf, FieldInfo, FieldKind, Method, MethodInfo, PropertiesBuf, Property, TableBuf, Value,
};
use proptest::collection::vec;
use proptest::option;
use proptest::prelude::*;
use proptest::sample::{Index, select};

/// A value of a table, or what lies below it.
#[derive(Clone, Debug)]
pub(crate) enum Node {
    /// One of those in the case table.
    Leaf(Index),
    Table(Vec<(String, Node)>),
    Array(Vec<Node>),
}

fn node() -> impl Strategy<Value = Node> {
    any::<Index>()
        .prop_map(Node::Leaf)
        .prop_recursive(5, 30, 4, |inner| {
            prop_oneof![
                vec((text(), inner.clone()), 0..4).prop_map(Node::Table),
                vec(inner, 0..4).prop_map(Node::Array),
            ]
        })
}

pub(crate) fn tree() -> impl Strategy<Value = Vec<(String, Node)>> {
    vec((text(), node()), 0..4)
}

pub(crate) fn text() -> impl Strategy<Value = String> {
    "[a-z.*#é€😀]{0,40}"
}

/// Hands the node as a value to `then`.
fn with_value(node: &Node, then: &mut dyn FnMut(Value<'_>)) {
    match node {
        Node::Leaf(index) => then(index.get(&values()).0),
        Node::Table(entries) => then(Value::Table(table(entries).as_table())),
        Node::Array(nodes) => {
            let mut buf = ArrayBuf::new();
            for node in nodes {
                with_value(node, &mut |value| buf.push(value).unwrap());
            }
            then(Value::Array(buf.as_array()));
        }
    }
}

pub(crate) fn table(entries: &[(String, Node)]) -> TableBuf {
    let mut buf = TableBuf::new();
    for (name, node) in entries {
        with_value(node, &mut |value| buf.insert(name, value).unwrap());
    }
    buf
}

/// Whether a value is what the node stands for; of entries with one name the last one stands.
pub(crate) fn matches(node: &Node, value: Value<'_>) -> bool {
    match node {
        Node::Leaf(index) => index.get(&values()).0 == value,
        Node::Table(entries) => value.as_table().is_some_and(|table| {
            table
                .iter()
                .all(|(name, _)| entries.iter().any(|(n, _)| n == name))
                && entries.iter().enumerate().all(|(at, (name, node))| {
                    entries[at + 1..].iter().any(|(n, _)| n == name)
                        || table.get(name).is_some_and(|value| matches(node, value))
                })
        }),
        Node::Array(nodes) => value.as_array().is_some_and(|array| {
            let values: Vec<_> = array.iter().collect();
            let pairs = nodes.iter().zip(&values);
            values.len() == nodes.len() && pairs.into_iter().all(|(n, v)| matches(n, *v))
        }),
    }
}

/// What a field can be made of, whatever it is.
#[derive(Clone, Debug)]
pub(crate) struct Material {
    number: u64,
    text: String,
    table: Vec<(String, Node)>,
}

fn material() -> impl Strategy<Value = Material> {
    (any::<u64>(), text(), tree()).prop_map(|(number, text, table)| Material {
        number,
        text,
        table,
    })
}

/// A payload of the method, by its definition and without its encoder.
fn payload(method: &MethodInfo, materials: &[Material]) -> Vec<u8> {
    let mut out = method.class_id.to_be_bytes().to_vec();
    out.extend_from_slice(&method.method_id.to_be_bytes());
    let mut bits = 0;
    for (field, material) in method.fields.iter().zip(materials) {
        if field.kind == FieldKind::Bit {
            if bits % 8 == 0 {
                out.push(0);
            }
            let bit = (material.number & 1) as u8 * u8::from(!field.reserved);
            *out.last_mut().unwrap() |= bit << (bits % 8);
            bits += 1;
        } else {
            bits = 0;
            put(&mut out, field, material);
        }
    }
    out
}

fn put(out: &mut Vec<u8>, field: &FieldInfo, material: &Material) {
    let number = if field.reserved { 0 } else { material.number }.to_be_bytes();
    let text = if field.reserved { "" } else { &material.text };
    let long = |out: &mut Vec<u8>, bytes: &[u8]| {
        out.extend_from_slice(&(bytes.len() as u32).to_be_bytes());
        out.extend_from_slice(bytes);
    };
    match field.kind {
        FieldKind::Octet => out.extend_from_slice(&number[7..]),
        FieldKind::Short => out.extend_from_slice(&number[6..]),
        FieldKind::Long => out.extend_from_slice(&number[4..]),
        FieldKind::LongLong => out.extend_from_slice(&number),
        FieldKind::ShortString | FieldKind::ShortBytes => {
            out.push(text.len() as u8);
            out.extend_from_slice(text.as_bytes());
        }
        FieldKind::LongString => long(out, text.as_bytes()),
        FieldKind::Table => long(out, table(&material.table).as_table().raw()),
        FieldKind::Bit => unreachable!("bits are packed by the caller"),
    }
}

/// A method's definition and a payload of it.
pub(crate) fn method() -> impl Strategy<Value = (MethodInfo, Vec<u8>)> {
    let most = 10;
    (select(Method::ALL.concat()), vec(material(), most)).prop_map(move |(method, materials)| {
        assert!(method.fields.len() <= most);
        let payload = payload(&method, &materials);
        (method, payload)
    })
}

pub(crate) fn properties() -> impl Strategy<Value = PropertiesBuf> {
    let short = || option::of(vec(any::<u8>(), 0..255));
    let numbers = (
        option::of(any::<u8>()),
        option::of(any::<u8>()),
        option::of(any::<u64>()),
    );
    (
        [short(), short(), short(), short()],
        numbers,
        option::of(tree()),
    )
        .prop_map(
            |(
                [content_type, reply_to, expiration, cluster_id],
                (mode, priority, time),
                headers,
            )| {
                let headers = headers.map(|entries| table(&entries));
                let all = [
                    cluster_id.as_deref().map(Property::ClusterId),
                    time.map(Property::Timestamp),
                    priority.map(Property::Priority),
                    mode.map(Property::DeliveryMode),
                    expiration.as_deref().map(Property::Expiration),
                    reply_to.as_deref().map(Property::ReplyTo),
                    headers
                        .as_ref()
                        .map(|buf| Property::Headers(buf.as_table())),
                    content_type.as_deref().map(Property::ContentType),
                ];
                let mut buf = PropertiesBuf::new();
                for property in all.into_iter().flatten() {
                    buf.set(property).unwrap();
                }
                buf
            },
        )
}
