//! What the tables say of a method beside its fields' values. Constant: nothing here is ever made at run time.

use super::super::field::{FieldKind, FieldWriter};
use super::super::{DecodeError, EncodeError};
use super::connection;

/// One side of a connection.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Peer {
    Client,
    Server,
}

impl Peer {
    const fn name(self) -> &'static str {
        match self {
            Self::Client => "client",
            Self::Server => "server",
        }
    }
}

/// Who may send a method.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Sender {
    Client,
    Server,
    Both,
}

impl Sender {
    const fn includes(self, peer: Peer) -> bool {
        matches!(
            (self, peer),
            (Self::Both, _) | (Self::Client, Peer::Client) | (Self::Server, Peer::Server)
        )
    }
}

/// One field of a method.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct FieldInfo {
    pub name: &'static str,
    pub kind: FieldKind,
    /// Skipped when read, zero or empty when written.
    pub reserved: bool,
}

/// One method.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct MethodInfo {
    pub class_id: u16,
    pub method_id: u16,
    /// As the specification writes it: `basic.publish`.
    pub name: &'static str,
    pub sender: Sender,
    /// A content header and its body follow.
    pub content: bool,
    /// The methods of the same class one of which answers it, none where nothing does.
    pub replies: &'static [u16],
    pub fields: &'static [FieldInfo],
}

impl MethodInfo {
    /// See [`super::Method::check`].
    pub const fn check(&self, channel: u16, sender: Peer) -> Result<(), DecodeError> {
        let method = self.name;
        match (self.class_id == connection::CLASS_ID, channel) {
            (true, 0) | (false, 1..) if self.sender.includes(sender) => Ok(()),
            (true, 0) | (false, 1..) => Err(DecodeError::WrongSender {
                method,
                sender: sender.name(),
            }),
            (true, channel) => Err(DecodeError::ConnectionMethodOnChannel { method, channel }),
            (false, 0) => Err(DecodeError::MethodOnChannelZero { method }),
        }
    }
}

/// A method of one class, of a class or of any: what can be encoded. Nothing but the tables implements it.
pub trait MethodFields {
    /// Appends class id, method id and fields: the payload of a method frame. On an error part of it may have been
    /// appended.
    #[doc(hidden)]
    fn write(&self, fields: &mut FieldWriter<'_>) -> Result<(), EncodeError>;
}

/// What the tables say of each method. Nothing but the tables implements it.
pub trait MethodDefinition: MethodFields {
    const INFO: MethodInfo;
}
