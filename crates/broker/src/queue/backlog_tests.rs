//! A line is a queue, wherever its bodies are.

use super::*;
use proptest::prelude::*;

const WINDOW: Window = Window::Bytes(1000);

/// Message `n`, of a length that tells it.
fn message(n: u64) -> Arc<Message> {
    Arc::new(Message {
        id: MessageId(n),
        topic: "t".into(),
        payload: vec![0; (n % 400) as usize].into(),
        ..Message::default()
    })
}

fn item(n: u64, recorded: bool, held: bool) -> Queued {
    let held = held.then_some(Held {
        group: QueueId(1),
        home: 0,
        arrival: n,
    });
    Queued {
        message: message(n),
        qos: QoS::AtLeastOnce,
        retain: n.is_multiple_of(2),
        ordinal: n as u32,
        id: MessageId(if recorded { n } else { 0 }),
        ids: [n as u32].into(),
        held,
        again: n.is_multiple_of(3),
    }
}

fn body(n: u64) -> Body {
    let ids = [n as u32].into();
    Body {
        message: message(n),
        waiting: 1,
        subscription_ids: vec![(n as u32, ids)],
    }
}

#[derive(Clone, Copy, Debug)]
enum Step {
    Push {
        recorded: bool,
        held: bool,
        away: bool,
    },
    Pop,
    PageIn {
        room: u64,
    },
    /// One of the bodies that were asked for comes.
    Arrive(usize),
    /// The client leaves.
    PageOut,
}

fn step() -> impl Strategy<Value = Step> {
    let push = |(recorded, held, away)| Step::Push {
        recorded,
        held,
        away,
    };
    prop_oneof![
        4 => (prop::bool::weighted(0.8), prop::bool::weighted(0.1), any::<bool>()).prop_map(push),
        3 => Just(Step::Pop),
        3 => prop_oneof![Just(0), Just(1000), Just(u64::MAX)].prop_map(|room| Step::PageIn { room }),
        4 => any::<usize>().prop_map(Step::Arrive),
        1 => Just(Step::PageOut),
    ]
}

/// A line, what it has asked for, and what it is to hold.
#[derive(Default)]
struct Trial {
    line: Backlog,
    asked: Vec<(usize, MessageId)>,
    own: VecDeque<u64>,
    held: VecDeque<u64>,
    last: u64,
}

impl Trial {
    fn step(&mut self, step: Step) {
        match step {
            Step::Push {
                recorded,
                held,
                away,
            } => {
                self.last += 1;
                let window = if away { WINDOW.away() } else { WINDOW };
                let pushed = item(self.last, recorded || held, held);
                assert!(self.line.push(pushed, usize::MAX, u64::MAX, window).is_ok());
                let model = if held { &mut self.held } else { &mut self.own };
                model.push_back(self.last);
            }
            Step::Pop => {
                if let Some(item) = self.line.pop() {
                    self.taken(&item);
                }
            }
            Step::PageIn { room } => {
                if let Batch::Read(wanted) = self.line.page_in(room) {
                    assert!(self.asked.is_empty(), "one batch at a time");
                    self.asked = wanted;
                }
            }
            Step::Arrive(which) if !self.asked.is_empty() => {
                let (at, id) = self.asked.swap_remove(which % self.asked.len());
                let next = self.asked.iter().all(|(other, _)| *other > at);
                let arrival = self.line.arrived(at, id, Some(&body(id.0)));
                let wanted = if next { Arrival::Next } else { Arrival::Early };
                assert_eq!(arrival, wanted);
            }
            Step::Arrive(_) => {}
            Step::PageOut => {
                for item in self.line.take_held() {
                    self.taken(&item);
                }
                assert!(self.held.is_empty());
                self.line.page_out(WINDOW);
            }
        }
    }

    /// In the order of arrival, and as it came.
    fn taken(&mut self, taken: &Queued) {
        let held = taken.held.is_some();
        let model = if held { &mut self.held } else { &mut self.own };
        let n = model.pop_front().unwrap();
        let recorded = taken.id != MessageId(0);
        assert_eq!(
            format!("{taken:?}"),
            format!("{:?}", item(n, recorded, held))
        );
    }

    fn check(&self) {
        let all = self.own.iter().chain(&self.held);
        let bytes = all.map(|n| message(*n).charge()).sum();
        let weight = self.line.weight();
        assert_eq!(weight.messages, self.own.len() + self.held.len());
        assert_eq!(weight.bytes, bytes);
        assert!(weight.memory <= bytes);
        assert_eq!(self.line.is_empty(), weight.messages == 0);
    }
}

proptest! {
    #[test]
    fn order_and_weight_are_kept(steps in prop::collection::vec(step(), 1..300)) {
        let mut trial = Trial::default();
        for step in steps {
            trial.step(step);
            trial.check();
        }
        let (here, paged) = trial.line.end();
        let ordinals = here.iter().map(|q| q.ordinal).chain(paged.map(|(_, ordinal)| ordinal));
        let mut ended: Vec<u64> = ordinals.map(u64::from).collect();
        let mut model: Vec<u64> = trial.own.into_iter().chain(trial.held).collect();
        ended.sort_unstable();
        model.sort_unstable();
        prop_assert_eq!(ended, model);
    }
}

#[test]
fn a_line_that_nobody_takes_from_holds_no_body() {
    let mut line = Backlog::default();
    let mut bodies = Vec::new();
    for n in 1..=10_000 {
        let item = item(n, true, false);
        bodies.push(item.message.clone());
        assert!(line.push(item, usize::MAX, u64::MAX, WINDOW.away()).is_ok());
    }
    assert!(bodies.iter().all(|body| Arc::strong_count(body) == 1));
    let each = line.paged.unwrap().allocated() / bodies.len();
    assert!(each <= 27, "{each} bytes for each message");
}

#[test]
fn what_the_log_does_not_have_is_said() {
    let mut line = Backlog::default();
    for n in 1..=2 {
        assert!(
            line.push(item(n, true, false), 9, u64::MAX, WINDOW.away())
                .is_ok()
        );
    }
    assert!(matches!(line.page_in(u64::MAX), Batch::Read(wanted) if wanted.len() == 2));
    assert_eq!(line.arrived(0, MessageId(7), None), Arrival::Unknown);
    assert_eq!(line.arrived(1, MessageId(2), None), Arrival::Missing);
    assert!(line.pop().is_none());
}
