//! Runs a case: line by line, on several worlds.

use super::case::{Case, Expect, Item, Wanted};
use super::client_end::ClientEnd;
use super::packet::Names;
use super::{encode, operate, setting, words};
use crate::world::{self, Config, Keep, World};
use broker::Settings;
use broker::auth::{Acl, Policy};
use std::collections::BTreeMap;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;

/// Lines of the trace that a failure shows, where `SIM_TRACE` asks for them.
const TRACE_LINES: usize = 200;

/// Runs a case on each of its worlds; the first failure, as `LINE: text`.
pub(super) fn check(case: &Case) -> Result<(), String> {
    for &shards in &case.shards {
        for seed in 1..=case.seeds {
            let verbose = std::env::var_os("SIM_TRACE").is_some();
            let mut run = Run::new(Config {
                verbose,
                ..Config::new(shards, seed)
            });
            let result = catch_unwind(AssertUnwindSafe(|| run.all(case)));
            let result = result.unwrap_or_else(|panic| Err((run.line, text_of(&*panic))));
            if let Err((line, what)) = result {
                let trace = run
                    .world
                    .map(|w| w.trace(TRACE_LINES).join("\n"))
                    .unwrap_or_default();
                let title = &case.title;
                return Err(format!(
                    "{line}: {what}\n    (case {title:?}, shards {shards}, seed {seed})\n{trace}"
                ));
            }
        }
    }
    Ok(())
}

/// What a panic said.
fn text_of(panic: &(dyn std::any::Any + Send)) -> String {
    let text = panic.downcast_ref::<String>().map(String::as_str);
    let text = text.or_else(|| panic.downcast_ref::<&str>().copied());
    format!("panic: {}", text.unwrap_or("without a word"))
}

struct Run {
    config: Config,
    /// Made at the first line that needs it.
    world: Option<World>,
    ends: BTreeMap<String, ClientEnd>,
    names: Names,
    acl: String,
    users: Option<BTreeMap<String, String>>,
    anonymous: bool,
    rounds: u32,
    line: usize,
}

impl Run {
    fn new(config: Config) -> Self {
        Run {
            config,
            world: None,
            ends: BTreeMap::new(),
            names: Names::new(),
            acl: String::new(),
            users: None,
            anonymous: false,
            rounds: 1,
            line: 0,
        }
    }

    fn all(&mut self, case: &Case) -> Result<(), (usize, String)> {
        for (line, item) in &case.items {
            self.line = *line;
            self.item(item).map_err(|what| (self.line, what))?;
        }
        self.nothing_left().map_err(|what| (self.line, what))
    }

    fn world(&mut self) -> &World {
        let world = self.world.get_or_insert_with(|| World::new(&self.config));
        world.set_users(self.users.clone(), self.anonymous);
        world.set_auth_rounds(self.rounds);
        world
    }

    fn item(&mut self, item: &Item) -> Result<(), String> {
        match item {
            Item::Send(name, packet) => {
                let mut packet = packet.clone();
                packet.resolve(&self.names)?;
                let end = self.end_to_write(name, packet.kind == "CONNECT")?;
                if packet.kind == "CONNECT" && packet.get("v").is_some() {
                    end.version = packet.number("v", 5);
                }
                let (sock, bytes) = (end.sock, encode::packet(&packet, end.version)?);
                self.world().send(sock, &bytes);
                Ok(())
            }
            Item::SendBytes(name, bytes) => {
                let sock = self.end_to_write(name, true)?.sock;
                self.world().send(sock, bytes);
                Ok(())
            }
            Item::Do(name, words) => self.act(name, words),
            Item::Expect(expect) => {
                self.read_all();
                self.expect(expect)
            }
            Item::Block(expects) => {
                self.read_all();
                self.block(expects)
            }
            Item::Direct(words) => self.direct(words),
        }
    }

    /// The named connection; a new one where there is none and this line may begin one.
    fn end_to_write(&mut self, name: &str, may_open: bool) -> Result<&mut ClientEnd, String> {
        self.read_all();
        let known = self.ends.get(name).filter(|end| !end.over());
        if known.is_none() {
            if !may_open {
                return Err(format!("{name} is not connected"));
            }
            if let Some(packet) = self.ends.get(name).and_then(|end| end.packets.front()) {
                return Err(format!("before {name} connects again: unexpected {packet}"));
            }
            let end = ClientEnd::open(self.world());
            self.ends.insert(name.into(), end);
        }
        self.ends
            .get_mut(name)
            .ok_or_else(|| "no such connection".into())
    }

    /// Lets the world settle and everybody read.
    fn read_all(&mut self) {
        self.world();
        let Some(world) = &self.world else { return };
        world.settle();
        self.ends.values_mut().for_each(|end| end.read(world));
    }

    fn expect(&mut self, expect: &Expect) -> Result<(), String> {
        let end = self
            .ends
            .get_mut(&expect.name)
            .ok_or(format!("{} never connected", expect.name))?;
        for wanted in &expect.wanted {
            let fits = match (wanted, end.packets.front()) {
                (Wanted::Packet(packet), Some(came)) => packet.accepts(came, &mut self.names),
                (Wanted::Packet(_), None) => false,
                (Wanted::Nothing, front) => front.is_none() && !end.ended,
                (Wanted::Closed, front) => front.is_none() && end.ended,
                (Wanted::Rest, _) => true,
            };
            if fits {
                match wanted {
                    Wanted::Packet(_) => drop(end.packets.pop_front()),
                    Wanted::Rest => end.packets.clear(),
                    Wanted::Closed | Wanted::Nothing => {}
                }
                return Ok(());
            }
        }
        if expect.optional {
            return Ok(());
        }
        Err(format!(
            "{} expected: {expect}\n           came: {}",
            expect.name,
            seen(end)
        ))
    }

    /// Each line of the block must fit some packet, in any order.
    fn block(&mut self, expects: &[(usize, Expect)]) -> Result<(), String> {
        let mut left: Vec<&(usize, Expect)> = expects.iter().collect();
        while !left.is_empty() {
            let fitting = left.iter().position(|(_, expect)| {
                let packet = matches!(expect.wanted.first(), Some(Wanted::Packet(_)));
                let strict = Expect {
                    optional: false,
                    ..expect.clone()
                };
                packet && self.expect(&strict).is_ok()
            });
            match fitting {
                Some(at) => drop(left.remove(at)),
                None => break,
            }
        }
        for (line, expect) in left {
            self.line = *line;
            self.expect(expect)?;
        }
        Ok(())
    }

    /// What nobody expected is a failure as well.
    fn nothing_left(&mut self) -> Result<(), String> {
        self.read_all();
        for (name, end) in &self.ends {
            if !end.packets.is_empty() {
                return Err(format!("at the end {name} has unexpected: {}", seen(end)));
            }
        }
        match self.world().wrong_levels()[..] {
            [] => Ok(()),
            ref wrong => Err(wrong.join(", ")),
        }
    }

    fn act(&mut self, name: &str, words: &[String]) -> Result<(), String> {
        let words: Vec<&str> = words.iter().map(String::as_str).collect();
        if words == ["open"] {
            return self.end_to_write(name, true).map(|_| ());
        }
        self.read_all();
        let (Some(world), Some(end)) = (&self.world, self.ends.get_mut(name)) else {
            return Err(format!("{name} is not connected"));
        };
        match words[..] {
            ["cut"] => {
                world.cut(end.sock);
                end.left = true;
            }
            ["close"] => {
                world.close(end.sock);
                end.left = true;
            }
            ["vanish"] => {
                world.vanish(end.sock);
                end.left = true;
            }
            ["stall"] => world.stall(end.sock, true),
            ["resume"] => world.stall(end.sock, false),
            ["slow", rate, window] => {
                world.slow(
                    end.sock,
                    words::number(rate)? as usize,
                    words::number(window)? as usize,
                );
            }
            ["version", version] => end.version = words::number(version)?,
            _ => return Err(format!("{name} cannot {words:?}")),
        }
        Ok(())
    }

    fn direct(&mut self, words: &[String]) -> Result<(), String> {
        let words: Vec<&str> = words.iter().map(String::as_str).collect();
        match words[..] {
            ["set", ref pairs @ ..] => {
                for pair in pairs {
                    let (key, value) = pair.split_once('=').ok_or("@set KEY=VALUE")?;
                    setting::set(&mut self.config.settings, key, value)?;
                }
            }
            ["acl", rule] => {
                self.acl += rule;
                self.acl.push('\n');
                let acl = Acl::parse(&self.acl).map_err(|e| e.to_string())?;
                self.config.settings.policy = Policy::Acl(Arc::new(acl));
            }
            ["no_acl"] => {
                self.acl.clear();
                self.config.settings.policy = Policy::AllowAll;
            }
            ["users", ref users @ ..] => {
                let pair = |user: &&str| user.split_once(':').map(|(u, p)| (u.into(), p.into()));
                self.users = Some(users.iter().filter_map(pair).collect());
            }
            ["anonymous", how] => self.anonymous = how == "on",
            ["auth", rounds] => self.rounds = words::number(rounds.trim_start_matches("rounds="))?,
            ["disk"] => self.config.on_disk = true,
            ["reset"] => self.config.settings = world::default_settings(),
            ["reload"] => {
                let settings: Settings = self.config.settings.clone();
                self.world().reload(&settings);
                self.read_all();
            }
            _ => return self.direct_world(&words),
        }
        Ok(())
    }

    fn direct_world(&mut self, words: &[&str]) -> Result<(), String> {
        self.read_all();
        let Some(world) = &self.world else {
            return Ok(());
        };
        match words[..] {
            ["settle"] => {}
            ["advance", span] => world.advance(words::span(span)?),
            ["jump", span] => {
                let back = span.starts_with('-');
                let by = words::span(span.trim_start_matches(['-', '+']))? as i64;
                world.jump_clock(if back { -by } else { by });
            }
            ["hold", "log"] => world.hold_log(true),
            ["release", "log"] => world.hold_log(false),
            ["disk", "full"] => world.fill_disk(true),
            ["disk", "free"] => world.fill_disk(false),
            ["hold", "reads"] => world.hold_reads(true),
            ["release", "reads"] => world.hold_reads(false),
            ["hold", "auth"] => world.hold_auth(true),
            ["release", "auth"] => world.hold_auth(false),
            ["shutdown"] => world.shutdown(),
            ["crash"] => world.crash(Keep::Records(0)),
            ["crash", "keep=all"] => world.crash(Keep::All),
            ["crash", keep] => {
                let keep = keep.strip_prefix("keep=").ok_or("@crash keep=N")?;
                world.crash(Keep::Records(words::number(keep)? as usize));
            }
            ["restart"] => return self.restart(self.config.shards),
            ["restart", shards] => {
                let shards = shards.strip_prefix("shards=").ok_or("@restart shards=N")?;
                return self.restart(words::number(shards)? as u16);
            }
            _ => operate::direct(world, words)
                .unwrap_or_else(|| Err(format!("there is no directive @{}", words.join(" "))))?,
        }
        self.read_all();
        Ok(())
    }
}

impl Run {
    fn restart(&mut self, shards: u16) -> Result<(), String> {
        if let Some(world) = &mut self.world {
            world.reload(&self.config.settings);
            world.restart(shards);
        }
        self.read_all();
        Ok(())
    }
}

/// What a connection has been sent and nobody asked for.
fn seen(end: &ClientEnd) -> String {
    let mut seen: Vec<String> = end
        .packets
        .iter()
        .take(12)
        .map(ToString::to_string)
        .collect();
    if end.ended {
        seen.push("CLOSED".into());
    }
    if seen.is_empty() {
        "nothing".into()
    } else {
        seen.join("\n                 ")
    }
}
