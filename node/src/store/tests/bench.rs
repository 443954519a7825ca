//! How fast it is on this machine: `cargo test --release -p node --lib store::tests::bench -- --ignored --nocapture
//! --test-threads 1`. The directory is made where `TMPDIR` says, which must be on a disk to mean anything.

use std::io::Write as _;

use super::*;

/// How many measurements of what is measured one by one.
const ROUNDS: usize = 400;

#[test]
#[ignore = "measures; asserts nothing"]
fn one_batch_beside_one_append_and_sync() {
    let directory = tempfile::tempdir().unwrap();
    let opened = Store::open(&directory.path().join("store")).unwrap();
    let mut file = fs::File::create(directory.path().join("appended")).unwrap();
    let mut places = 1..;
    let (mut syncs, mut commits) = (Vec::new(), Vec::new());
    // In turns, so that what else the machine does weighs upon both alike.
    for _ in 0..ROUNDS {
        syncs.push(timed(|| {
            file.write_all(&[7; 256]).unwrap();
            file.sync_data().unwrap();
        }));
        let batch = batch(&mut places, 1);
        commits.push(timed(|| write(&opened, batch)));
    }
    println!("append + fdatasync: {}", spread(&mut syncs));
    println!("one batch, handed in to answered: {}", spread(&mut commits));
}

#[test]
#[ignore = "measures; asserts nothing"]
fn rows_a_second() {
    let directory = tempfile::tempdir().unwrap();
    let opened = Store::open(&directory.path().join("store")).unwrap();
    let mut places = 1..;
    for (size, rounds) in [(1, 1000), (16, 1000), (64, 1000), (1000, 200)] {
        let took = timed(|| {
            for _ in 0..rounds {
                write(&opened, batch(&mut places, size));
            }
        });
        let rate = (size * rounds) as f64 / took.as_secs_f64();
        println!("batches of {size}, one at a time: {rate:.0} rows/s");
    }
    for in_flight in [16, 64] {
        let rounds = 10_000;
        let took = timed(|| {
            let mut last = 0;
            for ticket in places.clone().take(rounds) {
                let batch = batch(&mut places, 1);
                assert_eq!(ticket, batch.ticket);
                opened.store.hand_in(batch).unwrap();
                while ticket - last >= in_flight {
                    last = written(&opened);
                }
            }
        });
        println!("{in_flight} batches of 1 in flight: {:.0} rows/s", rounds as f64 / took.as_secs_f64());
        wait_written(&opened.events, places.start - 1);
    }
}

#[test]
#[ignore = "measures; asserts nothing"]
fn a_million_rows() {
    let count = std::env::var("STORE_ROWS").ok().and_then(|rows| rows.parse().ok()).unwrap_or(1_000_000);
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("store");
    let opened = Store::open(&path).unwrap();
    let mut places = 1..;
    let filled = timed(|| {
        while places.start < count {
            write(&opened, batch(&mut places, 1000));
        }
    });
    let kept = batch(&mut (places.start..), 1);
    let ops = [vec![Op::Snapshot(snapshot(places.start - 1))], kept.ops].concat();
    write(&opened, super::batch(kept.ticket, ops));
    let closed = timed(|| wait(opened.store.close()));
    let bytes = fs::metadata(path.join("history.db")).unwrap().len();
    println!("{count} rows in batches of 1000: {filled:?}, {} MiB; closed in {closed:?}", bytes >> 20);
    let mut opened = None;
    let took = timed(|| opened = Some(Store::open(&path).unwrap()));
    let opened = opened.unwrap();
    println!("opened in {took:?}");
    println!("memory, of the whole test program: {}", memory());
    println!("read in {:?}", timed(|| assert!(entries(&opened.store, 0).len() as u64 >= count)));
    for words in ["line 4711", "line", "nowhere"] {
        let took = timed(|| drop(runtime::block_on(opened.store.search(words.into(), 20)).unwrap()));
        println!("searched for `{words}` in {took:?}");
    }
    println!("search.db: {} MiB", fs::metadata(path.join("search.db")).unwrap().len() >> 20);
}

fn batch(places: &mut std::ops::RangeFrom<u64>, size: usize) -> Batch {
    let after = places.start - 1;
    let line = |place| said(place, &format!("line {place} of about forty characters"));
    let entries: Entries<PeerId> = places.take(size).map(line).collect();
    let last = after + size as u64;
    super::batch(last, vec![Op::Append { after, entries }, Op::Decided(last)])
}

fn written(opened: &Opened) -> u64 {
    match next(&opened.events) {
        Event::Written { ticket } => ticket,
        event => panic!("{event:?}"),
    }
}

fn memory() -> String {
    let status = fs::read_to_string("/proc/self/status").unwrap();
    status.lines().filter_map(|line| line.strip_prefix("VmRSS:")).map(str::trim).collect()
}

fn timed(work: impl FnOnce()) -> Duration {
    let start = Instant::now();
    work();
    start.elapsed()
}

fn spread(times: &mut [Duration]) -> String {
    times.sort();
    format!("p50 {:?}, p99 {:?}", times[times.len() / 2], times[times.len() * 99 / 100])
}
