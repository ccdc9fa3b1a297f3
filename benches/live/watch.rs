//! The viewers' process: most of them read as fast as they can, some stand still.

use std::{
    cell::RefCell,
    rc::Rc,
    time::{Duration, Instant},
};

use hdrhistogram::Histogram;
use memchr::memmem;
use serde_json::{Value, json};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpStream,
    task::LocalSet,
    time::sleep,
};

use crate::{Options, now, pin};

/// What the viewers of one kind saw.
struct Seen {
    latency: Histogram<u64>,
    alert_latency: Histogram<u64>,
    states: u64,
    snapshots: u64,
    bytes: u64,
    alerts: u64,
    /// Alerts that came behind the state which was published before them.
    late_alerts: u64,
    closed: u64,
    failed: u64,
    /// From reading again to the state of that moment.
    recovery: Histogram<u64>,
}

type Shared = Rc<RefCell<Seen>>;

impl Seen {
    fn new() -> Shared {
        let histogram = || Histogram::new_with_bounds(1, 120_000_000, 3).unwrap();
        Rc::new(RefCell::new(Self {
            latency: histogram(),
            alert_latency: histogram(),
            states: 0,
            snapshots: 0,
            bytes: 0,
            alerts: 0,
            late_alerts: 0,
            closed: 0,
            failed: 0,
            recovery: histogram(),
        }))
    }

    fn json(&self) -> Value {
        let ms = |h: &Histogram<u64>, q| h.value_at_quantile(q) as f64 / 1e3;
        let all = |h: &Histogram<u64>| json!({ "p50": ms(h, 0.5), "p95": ms(h, 0.95), "p99": ms(h, 0.99), "p999": ms(h, 0.999), "max": h.max() as f64 / 1e3 });
        json!({
            "states": self.states, "snapshots": self.snapshots, "bytes": self.bytes, "latency": all(&self.latency),
            "alerts": self.alerts, "late_alerts": self.late_alerts, "alert_latency": all(&self.alert_latency),
            "closed": self.closed, "failed": self.failed,
            "recoveries": self.recovery.len(), "recovery": all(&self.recovery),
        })
    }
}

/// How a viewer behaves.
#[derive(Clone, Copy, PartialEq)]
enum Kind {
    Reads,
    /// Reads its first state, then nothing for 40 s, then comes anew.
    Stalls,
    /// Stands still for three seconds of ten.
    Pauses,
}

pub(crate) fn run(addr: &str, options: &Options) {
    pin(1);
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    let local = LocalSet::new();
    let (readers, pausers, stallers) = (Seen::new(), Seen::new(), Seen::new());
    // What is seen while all of them connect is not counted.
    let begin = Instant::now() + Duration::from_secs(3);
    let end = begin + Duration::from_secs(options.seconds);
    let reading = options.clients - options.stalled - options.pausing;
    for n in 0..options.clients {
        let (kind, seen) = match n {
            n if n < reading => (Kind::Reads, &readers),
            n if n < reading + options.pausing => (Kind::Pauses, &pausers),
            _ => (Kind::Stalls, &stallers),
        };
        local.spawn_local(view(addr.to_owned(), kind, n, Rc::clone(seen), begin, end));
    }
    runtime
        .block_on(local.run_until(async move { sleep(end + Duration::from_millis(200) - Instant::now()).await }));
    let report = json!({
        "clients": reading, "readers": readers.borrow().json(), "pausers": pausers.borrow().json(),
        "stallers": stallers.borrow().json(),
    });
    println!("{report}");
}

/// Watches until the end, coming back as often as it is closed.
async fn view(addr: String, kind: Kind, n: usize, seen: Shared, begin: Instant, end: Instant) {
    // Not all at the same instant.
    sleep(Duration::from_micros(n as u64 * 1500)).await;
    while Instant::now() < end {
        match stream(&addr, kind, n, &seen, begin).await {
            Ok(()) => {}
            Err(_) => seen.borrow_mut().failed += 1,
        }
        sleep(Duration::from_millis(100)).await;
    }
}

async fn stream(addr: &str, kind: Kind, n: usize, seen: &Shared, begin: Instant) -> std::io::Result<()> {
    let mut socket = TcpStream::connect(addr).await?;
    socket.write_all(format!("GET /api/live HTTP/1.1\r\nHost: {addr}\r\n\r\n").as_bytes()).await?;
    let mut buffer = Vec::with_capacity(48 << 10);
    let mut last_state = 0;
    let mut pause = Instant::now() + Duration::from_millis(3000 + 37 * (n as u64 % 200));
    let mut resumed = None;
    loop {
        if socket.read_buf(&mut buffer).await? == 0 {
            return Ok(());
        }
        let received = now();
        let mut from = 0;
        while let Some(end) = memmem::find(&buffer[from..], b"\n\n") {
            let event = &buffer[from..from + end];
            from += end + 2;
            take_in(
                event,
                received,
                Instant::now() >= begin,
                &mut last_state,
                &mut resumed,
                &mut seen.borrow_mut(),
            );
        }
        buffer.drain(..from);
        match kind {
            Kind::Stalls if last_state > 0 => {
                sleep(Duration::from_secs(40)).await;
                return Ok(());
            }
            Kind::Pauses if Instant::now() >= pause => {
                sleep(Duration::from_secs(3)).await;
                resumed = Some(now());
                pause = Instant::now() + Duration::from_secs(7);
            }
            _ => {}
        }
    }
}

fn take_in(event: &[u8], received: u64, counts: bool, last: &mut u64, resumed: &mut Option<u64>, seen: &mut Seen) {
    let alert = memmem::find(event, b"event: alert").is_some();
    if memmem::find(event, b"event: closed").is_some() {
        seen.closed += 1;
        return;
    }
    // In a snapshot `"stamp":…`, in a patch `"path":"/stamp","value":…`.
    let number = |names: [&[u8]; 2]| {
        let at = names.iter().find_map(|name| Some(memmem::find(event, name)? + name.len()))?;
        let digits = event[at..].iter().take_while(|b| b.is_ascii_digit());
        Some(digits.fold(0_u64, |n, digit| n * 10 + u64::from(digit - b'0')))
    };
    let Some(stamp) = number([b"\"path\":\"/stamp\",\"value\":", b"\"stamp\":"]) else { return };
    let Some(n) = number([b"\"path\":\"/n\",\"value\":", b"\"n\":"]) else { return };
    if let Some(at) = *resumed
        && !alert
        && stamp + 100_000 >= at
    {
        seen.recovery.saturating_record((received - at).max(1));
        *resumed = None;
    }
    if alert {
        if counts {
            seen.alerts += 1;
            seen.late_alerts += u64::from(*last >= n);
            seen.alert_latency.saturating_record(received.saturating_sub(stamp).max(1));
        }
        return;
    }
    *last = n;
    if counts {
        seen.states += 1;
        seen.bytes += event.len() as u64;
        seen.snapshots += u64::from(memmem::find(event, b"event: snapshot").is_some());
        seen.latency.saturating_record(received.saturating_sub(stamp).max(1));
    }
}
