//! AMQP 0-9-1. Owns nothing: bytes belong to the caller, what is decoded borrows from them.
//!
//! ```text
//!  first bytes --> greeting() --> Amqp091 | Other (answer PROTOCOL_HEADER, close) | Incomplete
//!  buffer      --> frame()    --> Frame { frame_type, channel, payload }
//!  payload     --> Method::decode() | ContentHeader::decode() | (a body as it is)
//!  method      --> encode_method()         method + content --> encode_content()
//! ```
//!
//! The methods are defined once, in the tables of `method/`: structs, decoding, encoding, names and what tests know of
//! them come from there. Never sends, waits for or remembers anything.

mod content;
mod encode;
mod error;
mod field;
mod frame;
mod greeting;
mod method;
mod properties;
mod reader;
mod reply_code;
mod table;

pub use content::{Content, ContentHeader};
pub use encode::{encode_content, encode_method};
pub use error::{DecodeError, EncodeError, FrameError};
pub use field::{FieldKind, MAX_SHORT_STRING, shortened};
pub use frame::{FRAME_MIN_SIZE, FRAME_OVERHEAD, Frame, FrameType, HEARTBEAT, frame, frame_len};
pub use greeting::{Greeting, PROTOCOL_HEADER, greeting};
pub use method::{
    Access, Basic, Channel, Confirm, Connection, Exchange, FieldInfo, Method, MethodDefinition,
    MethodFields, MethodInfo, Peer, Queue, Sender, Tx, access, basic, channel, confirm, connection,
    exchange, method_ids, queue, tx,
};
pub use properties::{Properties, PropertiesBuf, Property, PropertyId, PropertyIter};
pub use reply_code::ReplyCode;
pub use table::{Array, ArrayBuf, ArrayIter, MAX_TABLE_DEPTH, Table, TableBuf, TableIter, Value};
