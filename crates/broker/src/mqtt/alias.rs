//! Topic aliases of one connection, both ways; they end with it [MQTT-3.3.2-7].

use message::Map;

/// What a connection has agreed on. Boxed in the connection, made on first use.
pub(crate) struct Aliases {
    /// Set by the client: alias 1 is at index 0.
    incoming: Vec<Box<str>>,
    /// Set by the broker, in the order in which topics were first sent.
    outgoing: Map<Box<str>, u16>,
}

/// How a topic is to be named to a client.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Naming {
    /// In full, without an alias.
    Full,
    /// In full, and this alias from now on.
    Introduce(u16),
    /// By this alias alone.
    Alias(u16),
}

impl Aliases {
    pub(crate) fn new(seed: u64) -> Self {
        Aliases {
            incoming: Vec::new(),
            outgoing: message::hash::map(seed),
        }
    }

    /// The client says what an alias means from here on. `alias` is within the granted maximum.
    pub(crate) fn learn(&mut self, alias: u16, topic: &str) {
        let at = usize::from(alias).saturating_sub(1);
        if self.incoming.len() <= at {
            self.incoming.resize_with(at + 1, || "".into());
        }
        if let Some(known) = self.incoming.get_mut(at)
            && **known != *topic
        {
            *known = topic.into();
        }
    }

    /// What an alias means; `None` where the client never said.
    pub(crate) fn topic(&self, alias: u16) -> Option<&str> {
        let known = self.incoming.get(usize::from(alias).checked_sub(1)?)?;
        (!known.is_empty()).then_some(known)
    }

    /// How to name `topic` to a client that takes `max` aliases: the first topics get one each.
    pub(crate) fn name(&mut self, topic: &str, max: u16) -> Naming {
        if let Some(alias) = self.outgoing.get(topic) {
            return Naming::Alias(*alias);
        }
        let next = self.outgoing.len() + 1;
        if next > usize::from(max) {
            return Naming::Full;
        }
        let alias = next as u16;
        self.outgoing.insert(topic.into(), alias);
        Naming::Introduce(alias)
    }

    /// A packet that was to introduce an alias was not sent after all.
    pub(crate) fn forget(&mut self, topic: &str) {
        self.outgoing.remove(topic);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_first_topics_get_an_alias() {
        let mut aliases = Aliases::new(1);
        assert_eq!(aliases.name("a", 1), Naming::Introduce(1));
        assert_eq!(aliases.name("a", 1), Naming::Alias(1));
        assert_eq!(aliases.name("b", 1), Naming::Full);
    }

    #[test]
    fn clients_may_change_what_an_alias_means() {
        let mut aliases = Aliases::new(1);
        assert_eq!(aliases.topic(2), None);
        aliases.learn(2, "a");
        assert_eq!(
            (aliases.topic(2), aliases.topic(1), aliases.topic(0)),
            (Some("a"), None, None)
        );
        aliases.learn(2, "b");
        assert_eq!(aliases.topic(2), Some("b"));
    }
}
