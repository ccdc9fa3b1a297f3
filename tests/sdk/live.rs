//! The hub: what each client is sent, however slow it is.

use std::time::Duration;

use claude_cli::live::{
    Client, CloseReason, EventId, Frame, FrameKind, Hub, HubConfig, StreamingOptimizerFactory,
};
use proptest::prelude::*;
use serde_json::{Value, json};
use tokio::time::{Instant, advance, sleep, timeout};

/// A state in which a little changes each time.
fn state(n: u64) -> Value {
    let rows: Vec<Value> = (0..40).map(|row| json!({ "project": format!("p{row}"), "cost": row * 7 })).collect();
    json!({ "n": n, "note": null, "rows": rows })
}

fn data(frame: &Frame) -> Value {
    serde_json::from_slice(frame.data()).unwrap()
}

/// What a viewer makes of the frames.
#[derive(Debug, Default)]
struct View {
    state: Value,
    alerts: Vec<u64>,
    last: Option<EventId>,
}

impl View {
    fn see(&mut self, frame: &Frame) {
        match frame.kind() {
            FrameKind::Snapshot => self.state = data(frame),
            FrameKind::Patch => {
                let patch: json_patch::Patch = serde_json::from_slice(frame.data()).unwrap();
                json_patch::patch(&mut self.state, &patch).unwrap();
            }
            FrameKind::Alert => self.alerts.push(data(frame).as_u64().unwrap()),
            FrameKind::Closed => panic!("closed: {}", data(frame)),
        }
        self.last = Some(frame.id());
    }

    /// Takes in all there is, waiting as long as the hub makes it.
    async fn catch_up(&mut self, client: &mut Client) {
        while let Ok(Some(frame)) = timeout(Duration::from_secs(10), client.next()).await {
            self.see(&frame);
        }
    }
}

async fn next(client: &mut Client) -> Frame {
    timeout(Duration::from_secs(60), client.next()).await.expect("there is one").expect("it is open")
}

#[tokio::test(start_paused = true)]
async fn a_client_is_sent_the_state_and_then_what_changes() {
    let hub = Hub::default();
    assert!(hub.publish(&state(1)).unwrap());
    assert!(!hub.publish(&state(1)).unwrap(), "nothing changed");
    let mut client = hub.subscribe(None);
    let whole = next(&mut client).await;
    assert_eq!((whole.kind(), data(&whole)), (FrameKind::Snapshot, state(1)));
    assert!(hub.publish(&state(2)).unwrap());
    let change = next(&mut client).await;
    assert_eq!(change.kind(), FrameKind::Patch);
    assert_eq!(data(&change), json!([{ "op": "replace", "path": "/n", "value": 2 }]));
    let figures = hub.figures();
    assert_eq!((figures.subscribers, figures.published, figures.updates, figures.patches), (1, 2, 2, 1));
    assert!(figures.bytes_sent < figures.bytes_full * 6 / 10, "{figures:?}");
    assert!(figures.latency.p99.is_some());
    drop(client);
    assert_eq!(hub.figures().subscribers, 0);
}

#[tokio::test(start_paused = true)]
async fn a_change_of_half_the_state_is_sent_whole() {
    let hub = Hub::default();
    hub.publish(&json!({ "a": "x".repeat(100), "b": 1 })).unwrap();
    let mut client = hub.subscribe(None);
    next(&mut client).await;
    hub.publish(&json!({ "a": "y".repeat(100), "b": 1 })).unwrap();
    assert_eq!(next(&mut client).await.kind(), FrameKind::Snapshot);
}

#[tokio::test(start_paused = true)]
async fn alerts_go_before_any_state_and_keep_their_order() {
    let hub = Hub::default();
    let mut client = hub.subscribe(None);
    hub.publish(&state(1)).unwrap();
    for n in 1..=3 {
        hub.alert(&n).unwrap();
    }
    let mut kinds = Vec::new();
    for _ in 0..4 {
        let frame = next(&mut client).await;
        kinds.push((frame.kind(), if frame.kind() == FrameKind::Alert { data(&frame) } else { Value::Null }));
    }
    let alert = |n: u64| (FrameKind::Alert, json!(n));
    assert_eq!(kinds, [alert(1), alert(2), alert(3), (FrameKind::Snapshot, Value::Null)]);
}

#[tokio::test(start_paused = true)]
async fn an_alert_does_not_wait_for_the_next_state_to_be_due() {
    let hub = Hub::new(HubConfig { update_interval: Duration::from_secs(5), ..HubConfig::default() });
    hub.publish(&state(1)).unwrap();
    let mut client = hub.subscribe(None);
    next(&mut client).await;
    // Two may follow each other closely.
    hub.publish(&state(2)).unwrap();
    next(&mut client).await;
    hub.publish(&state(3)).unwrap();
    let begun = Instant::now();
    let (frame, ()) = tokio::join!(next(&mut client), async {
        sleep(Duration::from_millis(200)).await;
        hub.alert(&9).unwrap();
    });
    assert_eq!((frame.kind(), begun.elapsed().as_millis()), (FrameKind::Alert, 200));
}

#[tokio::test(start_paused = true)]
async fn what_comes_no_faster_than_it_may_be_sent_is_sent_at_once() {
    let hub = Hub::default();
    hub.publish(&state(0)).unwrap();
    let publisher = hub.clone();
    tokio::spawn(async move {
        for n in 1..=50 {
            // A little early, or late, but ten a second.
            sleep(Duration::from_millis(if n % 2 == 0 { 80 } else { 120 })).await;
            publisher.publish(&state(n)).unwrap();
            if n % 5 == 0 {
                publisher.alert(&n).unwrap();
            }
        }
    });
    // Whenever it came.
    sleep(Duration::from_millis(60)).await;
    let mut client = hub.subscribe(None);
    let mut states = Vec::new();
    while states.len() < 50 {
        let frame = next(&mut client).await;
        if matches!(frame.kind(), FrameKind::Patch | FrameKind::Snapshot) {
            states.push(frame.published().elapsed().as_millis());
        }
    }
    assert!(states[1..].iter().all(|late| *late <= 5), "{states:?}");
    assert_eq!(hub.figures().coalesced, 0);
}

#[tokio::test(start_paused = true)]
async fn states_that_a_later_one_replaces_are_left_out() {
    let hub = Hub::default();
    hub.publish(&state(1)).unwrap();
    let mut client = hub.subscribe(None);
    let mut view = View::default();
    view.see(&next(&mut client).await);
    for n in 2..=100 {
        hub.publish(&state(n)).unwrap();
    }
    view.see(&next(&mut client).await);
    assert_eq!(view.state, state(100));
    let figures = hub.figures();
    assert_eq!((figures.updates, figures.coalesced), (2, 98));
}

/// How many updates a client takes in 20 s while the state changes every 10 ms.
async fn updates_of(drain: Duration) -> usize {
    let hub = Hub::default();
    let writer = hub.clone();
    let writer = tokio::spawn(async move {
        for n in 0..2_000 {
            writer.publish(&state(n)).unwrap();
            sleep(Duration::from_millis(10)).await;
        }
    });
    let mut client = hub.subscribe(None);
    let mut updates = 0;
    while let Ok(Some(_)) = timeout(Duration::from_secs(1), client.next()).await {
        updates += 1;
        sleep(drain).await;
        if writer.is_finished() {
            break;
        }
    }
    updates
}

#[tokio::test(start_paused = true)]
async fn the_rate_follows_how_fast_a_client_drains() {
    let (fast, slow, slower) = (
        updates_of(Duration::from_millis(1)).await,
        updates_of(Duration::from_millis(200)).await,
        updates_of(Duration::from_millis(900)).await,
    );
    assert!((180..=202).contains(&fast), "ten a second: {fast}");
    assert!((45..=65).contains(&slow), "half of its time at most: {slow}");
    assert!((10..=16).contains(&slower), "{slower}");
}

#[tokio::test(start_paused = true)]
async fn who_stands_still_begins_anew_and_who_stays_so_is_closed() {
    let hub = Hub::default();
    let deadlines = tokio::spawn({
        let hub = hub.clone();
        async move { hub.enforce_deadlines().await }
    });
    hub.publish(&state(1)).unwrap();
    let (mut still, mut stuck) = (hub.subscribe(None), hub.subscribe(None));
    next(&mut still).await;
    next(&mut stuck).await;
    hub.publish(&state(2)).unwrap();
    sleep(Duration::from_secs(10)).await;
    let again = next(&mut still).await;
    assert_eq!((again.kind(), data(&again)), (FrameKind::Snapshot, state(2)));
    assert_eq!(hub.figures().resyncs, 1);
    // The other one never asks again, and is closed nevertheless.
    let closed = stuck.closed();
    assert!(!closed.is_cancelled());
    let waited = async {
        // The first one keeps asking.
        let _ = timeout(Duration::from_secs(40), still.next()).await;
    };
    waited.await;
    assert!(closed.is_cancelled());
    assert_eq!(stuck.close_reason(), Some(CloseReason::Stalled));
    let last = next(&mut stuck).await;
    assert_eq!(last.kind(), FrameKind::Closed);
    assert_eq!(data(&last), json!({ "reason": CloseReason::Stalled.to_string() }));
    assert!(stuck.next().await.is_none());
    assert_eq!((hub.figures().closed, still.close_reason()), (1, None));
    deadlines.abort();
}

#[tokio::test(start_paused = true)]
async fn alerts_that_do_not_fit_close_the_client() {
    let hub = Hub::new(HubConfig { alert_buffer: 1_000, ..HubConfig::default() });
    let client = hub.subscribe(None);
    for _ in 0..9 {
        hub.alert(&"a".repeat(100)).unwrap();
    }
    assert_eq!(client.close_reason(), None);
    hub.alert(&"a".repeat(100)).unwrap();
    assert_eq!(client.close_reason(), Some(CloseReason::TooManyAlerts));
    assert!(client.closed().is_cancelled());
}

#[tokio::test(start_paused = true)]
async fn who_comes_back_goes_on_without_a_gap() {
    let hub = Hub::default();
    hub.publish(&state(1)).unwrap();
    hub.alert(&1).unwrap();
    let mut client = hub.subscribe(None);
    let mut view = View::default();
    view.see(&next(&mut client).await);
    hub.alert(&2).unwrap();
    view.see(&next(&mut client).await);
    drop(client);
    hub.alert(&3).unwrap();
    hub.publish(&state(2)).unwrap();
    let last: EventId = view.last.unwrap().to_string().parse().unwrap();
    let mut client = hub.subscribe(Some(last));
    let alert = next(&mut client).await;
    let change = next(&mut client).await;
    assert_eq!(change.kind(), FrameKind::Patch);
    view.see(&alert);
    view.see(&change);
    assert_eq!((view.state, view.alerts), (state(2), vec![2, 3]));
}

#[tokio::test(start_paused = true)]
async fn who_comes_back_too_late_or_to_another_hub_begins_anew() {
    let hub = Hub::new(StreamingOptimizerFactory::memory_optimized());
    hub.publish(&state(0)).unwrap();
    let mut client = hub.subscribe(None);
    let last = next(&mut client).await.id();
    for n in 1..200 {
        hub.publish(&state(n)).unwrap();
    }
    let late = next(&mut hub.subscribe(Some(last))).await;
    assert_eq!((late.kind(), data(&late)), (FrameKind::Snapshot, state(199)));
    let other = Hub::default();
    other.publish(&state(5)).unwrap();
    let anew = next(&mut other.subscribe(Some(last))).await;
    assert_eq!((anew.kind(), data(&anew)), (FrameKind::Snapshot, state(5)));
}

#[tokio::test(start_paused = true)]
async fn a_hub_that_closes_says_so() {
    let hub = Hub::default();
    let mut client = hub.subscribe(None);
    hub.close();
    assert_eq!(next(&mut client).await.kind(), FrameKind::Closed);
    assert!(client.next().await.is_none());
}

#[test]
fn ids_of_events_are_read_as_they_are_written() {
    for text in ["", "1", "1-2", "1-2-x", "-1-2-3", "1-2-3-4", "zz-1-1", "18446744073709551616000-1-1"] {
        assert!(text.parse::<EventId>().is_err(), "{text}");
    }
    assert_eq!("1f-2-3".parse::<EventId>().unwrap().to_string(), "1f-2-3");
}

#[tokio::test(start_paused = true)]
async fn a_frame_is_a_server_sent_event() {
    let hub = Hub::default();
    hub.publish(&json!({ "text": "two\nlines" })).unwrap();
    let frame = next(&mut hub.subscribe(None)).await;
    let text = frame.to_sse().concat();
    let expected = format!("id: {}\nevent: snapshot\ndata: {{\"text\":\"two\\nlines\"}}\n\n", frame.id());
    assert_eq!(String::from_utf8(text).unwrap(), expected);
}

/// A value that a state may have anywhere.
fn value() -> impl Strategy<Value = Value> {
    let leaf = prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::from),
        (0_u8..4).prop_map(Value::from),
        "[a~/\"\n]{0,3}".prop_map(Value::from),
    ];
    leaf.prop_recursive(3, 24, 4, |inner| {
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..4).prop_map(Value::from),
            prop::collection::hash_map("[ab~/]{0,2}", inner, 0..4)
                .prop_map(|map| Value::Object(map.into_iter().collect())),
        ]
    })
}

#[derive(Clone, Debug)]
enum Step {
    Publish(Value),
    Alert,
    /// A client takes in a frame, if there is one at once.
    Take(usize),
    /// A client goes away and comes back.
    Return(usize),
    Pass(u64),
}

fn step() -> impl Strategy<Value = Step> {
    prop_oneof![
        4 => value().prop_map(Step::Publish),
        2 => Just(Step::Alert),
        4 => (0..3_usize).prop_map(Step::Take),
        1 => (0..3_usize).prop_map(Step::Return),
        2 => (1..500_u64).prop_map(Step::Pass),
    ]
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    /// Whatever the pace and the interruptions, every client ends up with the
    /// latest state, and has seen every alert since it came, once and in order.
    #[test]
    fn every_client_ends_up_with_the_same(steps in prop::collection::vec(step(), 1..60)) {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_time().start_paused(true).build().unwrap();
        runtime.block_on(async {
            let hub = Hub::default();
            let mut latest = None;
            let mut alerts = 0;
            let mut views = [View::default(), View::default(), View::default()];
            let mut clients = [hub.subscribe(None), hub.subscribe(None), hub.subscribe(None)];
            for step in steps {
                match step {
                    Step::Publish(value) => {
                        hub.publish(&value).unwrap();
                        latest = Some(value);
                    }
                    Step::Alert => {
                        alerts += 1;
                        hub.alert(&alerts).unwrap();
                    }
                    Step::Take(at) => {
                        if let Ok(Some(frame)) = timeout(Duration::ZERO, clients[at].next()).await {
                            views[at].see(&frame);
                        }
                    }
                    // Who was sent nothing yet has nothing to go on from.
                    Step::Return(at) => {
                        if let Some(last) = views[at].last {
                            clients[at] = hub.subscribe(Some(last));
                        }
                    }
                    Step::Pass(millis) => advance(Duration::from_millis(millis)).await,
                }
            }
            for (view, client) in views.iter_mut().zip(&mut clients) {
                view.catch_up(client).await;
                assert_eq!(Some(&view.state), latest.as_ref().or(Some(&Value::Null)));
                assert_eq!(view.alerts, (1..=alerts).collect::<Vec<u64>>());
            }
        });
    }
}
