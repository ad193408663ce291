//! A hostile peer's stream of AMQP 0-9-1 frames: no panic, whatever decodes can be read to its end, encodes again and
//! decodes to the same, framing neither looks past a frame nor asks for less than it needs.
//!
//! Input: the stream.
#![no_main]

use amqp_codec::v091::{
    Array, Content, ContentHeader, FRAME_OVERHEAD, Frame, FrameType, Method, Peer, PropertiesBuf,
    PropertyId, Table, TableBuf, Value, basic, connection, encode_content, encode_method, frame,
    frame_len, greeting, method_ids,
};
use libfuzzer_sys::fuzz_target;

const FRAME_MAX: u32 = 65_536;

fn read_value(value: Value<'_>) -> usize {
    match value {
        Value::Table(table) => read_table(table),
        Value::Array(array) => read_array(array),
        _ => usize::from(value.as_i64().is_some()),
    }
}

fn read_array(array: Array<'_>) -> usize {
    assert_eq!(array.is_empty(), array.iter().next().is_none());
    array.iter().map(read_value).sum()
}

fn read_table(table: Table<'_>) -> usize {
    assert_eq!(table.is_empty(), table.iter().next().is_none());
    for (name, _) in table.iter().take(50) {
        assert!(table.get(name).is_some());
    }
    let mut copy = TableBuf::from(table);
    for (name, _) in table.iter().take(3) {
        copy.remove(name);
        assert!(copy.as_table().get(name).is_none());
        Table::parse(copy.as_table().raw()).unwrap();
        if copy.insert(name, Value::Void).is_ok() {
            assert_eq!(copy.as_table().get(name), Some(Value::Void));
        }
    }
    table.iter().map(|(_, value)| read_value(value)).sum()
}

fn read_method(channel: u16, payload: &[u8]) {
    let Ok(method) = Method::decode(payload) else {
        return;
    };
    let info = method.info();
    assert_eq!(method_ids(payload), Some((info.class_id, info.method_id)));
    let checked = [Peer::Client, Peer::Server].map(|peer| method.check(channel, peer));
    assert!(
        channel == 0 || info.class_id != connection::CLASS_ID || checked.iter().all(Result::is_err)
    );
    let mut out = Vec::new();
    // Letters of older versions have no shorter form: what was read is as long when it is written.
    encode_method(
        &mut out,
        channel,
        &method,
        payload.len() as u32 + FRAME_OVERHEAD,
    )
    .unwrap();
    let (again, used) = frame(&out, FRAME_MAX).unwrap().unwrap();
    assert_eq!(used, out.len());
    assert_eq!(Method::decode(again.payload), Ok(method));
}

fn read_header(payload: &[u8]) {
    let Ok(header) = ContentHeader::decode(payload) else {
        return;
    };
    let properties = header.properties;
    let mut anew = PropertiesBuf::new();
    for property in properties {
        assert_eq!(properties.get(property.id()), Some(property));
        anew.set(property).unwrap();
    }
    let mut changed = PropertiesBuf::from(properties);
    assert_eq!(changed, anew);
    if let Some(headers) = properties.headers() {
        read_table(headers);
    }
    for &id in PropertyId::ALL {
        changed.clear(id);
        assert!(!changed.as_properties().has(id));
    }
    assert!(changed.as_properties().is_empty());

    let get_ok = basic::GetOk {
        delivery_tag: header.body_size,
        redelivered: false,
        exchange: "",
        routing_key: "q",
        message_count: 0,
    };
    let content = Content {
        properties,
        body: payload,
    };
    let mut out = Vec::new();
    encode_content(&mut out, 1, &get_ok, &content, FRAME_MAX).unwrap();
    let (_, used) = frame(&out, FRAME_MAX).unwrap().unwrap();
    let (second, _) = frame(&out[used..], FRAME_MAX).unwrap().unwrap();
    let back = ContentHeader::decode(second.payload).unwrap();
    assert_eq!(back.properties, properties);
    assert_eq!(back.body_size, payload.len() as u64);
}

fn read(frame: Frame<'_>) {
    match frame.frame_type {
        FrameType::Method => read_method(frame.channel, frame.payload),
        FrameType::Header => read_header(frame.payload),
        FrameType::Body => {
            if let Ok(table) = Table::parse(frame.payload) {
                read_table(table);
            }
        }
        FrameType::Heartbeat => assert!(frame.payload.is_empty()),
    }
}

fuzz_target!(|data: &[u8]| {
    let _ = greeting(data);
    let mut stream = data;
    loop {
        match frame(stream, FRAME_MAX) {
            Ok(None) => {
                let need = frame_len(stream);
                assert!(need > stream.len() && need <= FRAME_MAX as usize);
                break;
            }
            Ok(Some((found, used))) => {
                // Nothing behind the frame matters.
                assert_eq!(frame(&stream[..used], FRAME_MAX), Ok(Some((found, used))));
                read(found);
                stream = &stream[used..];
            }
            Err(error) => {
                assert!(error.reply_code().closes_connection());
                break;
            }
        }
    }
});
