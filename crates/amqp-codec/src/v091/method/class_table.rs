//! The macro behind the tables: from one entry for each method to structs, an enum of the class, decoding and encoding.
//! Never decides anything at run time that an entry says.

/// An entry is `id "name" Struct sender [content] [=> replies] { fields }`; fields called `_` are reserved and stand
/// before or behind the others. The order of the fields is the order of their bytes; bits that stand side by side share
/// an octet.
macro_rules! class_table {
    (
        $(#[$class_doc:meta])*
        $class:ident $(<$class_lt:lifetime>)? = $class_id:literal;
        $(
            $(#[$doc:meta])*
            $id:literal $name:literal $method:ident $(<$lt:lifetime>)? $sender:ident
            $([$content:ident])? $(=> $($reply:literal)|+)?
            {
                $(_: $lead:ty,)*
                $($(
                    $(#[$field_doc:meta])*
                    $field:ident: $type:ty,
                )+
                $(_: $trail:ty,)*)?
            }
        )+
    ) => {
        #[allow(unused_imports, reason = "no class has fields of every kind")]
        use $crate::v091::{
            DecodeError, EncodeError, Table,
            field::{Field, FieldReader, FieldWriter, ShortBytes},
            method::{FieldInfo, Method, MethodDefinition, MethodFields, MethodInfo, Sender},
        };

        pub const CLASS_ID: u16 = $class_id;

        /// Every method of the class.
        pub(super) const METHODS: &[MethodInfo] = &[$(<$method as MethodDefinition>::INFO),+];

        $(#[$class_doc])*
        #[derive(Clone, Copy, PartialEq, Eq, Debug)]
        pub enum $class $(<$class_lt>)? {
            $($method($method $(<$lt>)?),)+
        }

        impl $(<$class_lt>)? $class $(<$class_lt>)? {
            /// What its table says of this method.
            pub const fn info(&self) -> &'static MethodInfo {
                match self {
                    $(Self::$method(_) => const { &<$method as MethodDefinition>::INFO },)+
                }
            }

            #[inline]
            pub(super) fn read(
                method: u16,
                fields: &mut FieldReader $(<$class_lt>)?,
            ) -> Result<Self, DecodeError> {
                Ok(match method {
                    $($id => Self::$method($method::read(fields)?),)+
                    method => return Err(DecodeError::UnknownMethod { class: CLASS_ID, method }),
                })
            }
        }

        impl $(<$class_lt>)? MethodFields for $class $(<$class_lt>)? {
            fn write(&self, fields: &mut FieldWriter<'_>) -> Result<(), EncodeError> {
                match self {
                    $(Self::$method(method) => method.write(fields),)+
                }
            }
        }

        $(
            $(#[$doc])*
            #[derive(Clone, Copy, PartialEq, Eq, Debug)]
            pub struct $method $(<$lt>)? {
                $($($(#[$field_doc])* pub $field: $type,)+)?
            }

            impl $(<$lt>)? $method $(<$lt>)? {
                #[inline]
                #[allow(unused_variables, reason = "not every method has fields")]
                fn read(fields: &mut FieldReader $(<$lt>)?) -> Result<Self, DecodeError> {
                    $(let _: $lead = Field::read(fields)?;)*
                    $($(let $field: $type = Field::read(fields)?;)+
                    $(let _: $trail = Field::read(fields)?;)*)?
                    Ok(Self { $($($field,)+)? })
                }
            }

            impl $(<$lt>)? MethodDefinition for $method $(<$lt>)? {
                const INFO: MethodInfo = MethodInfo {
                    class_id: CLASS_ID,
                    method_id: $id,
                    name: $name,
                    sender: Sender::$sender,
                    content: class_table!(@content $($content)?),
                    replies: &[$($($reply),+)?],
                    fields: &[
                        $(class_table!(@field "reserved", $lead, true),)*
                        $($(class_table!(@field stringify!($field), $type, false),)+
                        $(class_table!(@field "reserved", $trail, true),)*)?
                    ],
                };
            }

            class_table!(@into $class $method $(<$lt>)?);

            impl $(<$lt>)? MethodFields for $method $(<$lt>)? {
                #[inline]
                fn write(&self, fields: &mut FieldWriter<'_>) -> Result<(), EncodeError> {
                    const IDS: [u8; 4] = {
                        let ([a, b], [c, d]) = (CLASS_ID.to_be_bytes(), ($id as u16).to_be_bytes());
                        [a, b, c, d]
                    };
                    fields.bytes(&IDS);
                    $(Field::write(&<$lead>::default(), fields)?;)*
                    $($(Field::write(&self.$field, fields)?;)+
                    $(Field::write(&<$trail>::default(), fields)?;)*)?
                    Ok(())
                }
            }
        )+
    };
    (@into $class:ident $method:ident) => {
        class_table!(@into $class $method, '_,);
    };
    (@into $class:ident $method:ident <$lt:lifetime>) => {
        class_table!(@into $class $method <$lt>, $lt, <$lt>);
    };
    (@into $class:ident $method:ident $(<$own:lifetime>)?, $lt:lifetime, $(<$new:lifetime>)?) => {
        impl $(<$new>)? From<$method $(<$own>)?> for Method<$lt> {
            fn from(method: $method $(<$own>)?) -> Self {
                Self::$class($class::$method(method))
            }
        }
    };
    (@content) => { false };
    (@content content) => { true };
    (@field $name:expr, $type:ty, $reserved:literal) => {
        FieldInfo {
            name: $name,
            kind: <$type as Field<'_>>::KIND,
            reserved: $reserved,
        }
    };
}
