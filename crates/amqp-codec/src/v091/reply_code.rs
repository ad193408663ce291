//! Reply codes of `connection.close`, `channel.close` and `basic.return` (section 1.2 of the specification's
//! generated reference, RabbitMQ's among them). Never decides which one applies.

/// Defines the codes once: number, variant, the name that reply texts begin with, whether the connection is over.
macro_rules! reply_codes {
    ($($code:literal $variant:ident $name:literal $closes:ident;)+) => {
        /// Why something is closed or sent back.
        #[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
        pub enum ReplyCode {
            $($variant,)+
        }

        impl ReplyCode {
            pub const ALL: &'static [Self] = &[$(Self::$variant),+];

            pub const fn code(self) -> u16 {
                match self {
                    $(Self::$variant => $code,)+
                }
            }

            /// As reply texts begin with it: `NOT_FOUND`.
            pub const fn name(self) -> &'static str {
                match self {
                    $(Self::$variant => $name,)+
                }
            }

            /// True where the whole connection is closed, false where a channel is or nothing.
            pub const fn closes_connection(self) -> bool {
                match self {
                    $(Self::$variant => reply_codes!(@$closes),)+
                }
            }

            pub const fn from_code(code: u16) -> Option<Self> {
                match code {
                    $($code => Some(Self::$variant),)+
                    _ => None,
                }
            }
        }
    };
    (@connection) => { true };
    (@channel) => { false };
    (@nothing) => { false };
}

reply_codes! {
    200 Success "REPLY_SUCCESS" nothing;
    311 ContentTooLarge "CONTENT_TOO_LARGE" channel;
    312 NoRoute "NO_ROUTE" nothing;
    313 NoConsumers "NO_CONSUMERS" channel;
    320 ConnectionForced "CONNECTION_FORCED" connection;
    402 InvalidPath "INVALID_PATH" connection;
    403 AccessRefused "ACCESS_REFUSED" channel;
    404 NotFound "NOT_FOUND" channel;
    405 ResourceLocked "RESOURCE_LOCKED" channel;
    406 PreconditionFailed "PRECONDITION_FAILED" channel;
    501 FrameError "FRAME_ERROR" connection;
    502 SyntaxError "SYNTAX_ERROR" connection;
    503 CommandInvalid "COMMAND_INVALID" connection;
    504 ChannelError "CHANNEL_ERROR" connection;
    505 UnexpectedFrame "UNEXPECTED_FRAME" connection;
    506 ResourceError "RESOURCE_ERROR" connection;
    530 NotAllowed "NOT_ALLOWED" connection;
    540 NotImplemented "NOT_IMPLEMENTED" connection;
    541 InternalError "INTERNAL_ERROR" connection;
}
