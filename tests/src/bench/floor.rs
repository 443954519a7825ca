//! A member that does the least: blocking TCP to every other, a thread for each connection.
//!
//! A message is its length (u32, little-endian) and its bytes. A flood is written 64 KiB at a time, a paced message by
//! itself. Nobody is found or lost, nothing waits in queues, nobody leads.

use std::hint::black_box;
use std::io::{self, Read as _, Write as _};
use std::net::{Ipv4Addr, TcpListener, TcpStream};
use std::process;
use std::sync::{Arc, Mutex, PoisonError};
use std::thread;
use std::time::{Duration, Instant};

use super::clock::now_ns;
use super::contract::{Go, Header, Place};
use super::orders::{self, Sender};
use super::report::Report;
use super::tally::Tally;

/// How much of a flood goes into one write, and half of what one read takes.
const BATCH_BYTES: usize = 64 * 1024;

const LENGTH_BYTES: usize = 4;

/// How long the others may take to listen.
const PATIENCE: Duration = Duration::from_secs(20);

/// Runs a member until stdin ends; its process ends with it.
///
/// # Errors
///
/// It cannot listen, or another does not.
pub fn run(place: Place) -> Result<(), String> {
    let links = connect(place).map_err(|error| format!("no full mesh: {error}"))?;
    let tally = Arc::new(Mutex::new(Tally::default()));
    for (id, stream) in &links {
        let (id, tally) = (*id, Arc::clone(&tally));
        let stream = stream.try_clone().map_err(|error| error.to_string())?;
        thread::spawn(move || {
            // However it ends, the connection is no longer of use.
            let _ = receive(stream, &tally);
            println!("{}", Report::Closed { at: now_ns(), member: id });
        });
    }
    println!("{}", Report::Ready);
    orders::serve(&mut Wires { streams: links.into_iter().map(|(_, stream)| stream).collect() });
    process::exit(0)
}

/// Dials those before it, and is dialled by those after it. Who dials says which one it is.
fn connect(place: Place) -> io::Result<Vec<(u16, TcpStream)>> {
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, place.port()))?;
    let mut links = Vec::new();
    for id in 0..place.id {
        let mut stream = dial(place.base_port + id)?;
        stream.write_all(&place.id.to_le_bytes())?;
        links.push((id, stream));
    }
    while links.len() + 1 < usize::from(place.count) {
        let (mut stream, _) = listener.accept()?;
        let mut id = [0; 2];
        stream.read_exact(&mut id)?;
        links.push((u16::from_le_bytes(id), stream));
    }
    for (_, stream) in &links {
        stream.set_nodelay(true)?;
    }
    Ok(links)
}

fn dial(port: u16) -> io::Result<TcpStream> {
    let began = Instant::now();
    loop {
        match TcpStream::connect((Ipv4Addr::LOCALHOST, port)) {
            Err(_) if began.elapsed() < PATIENCE => thread::sleep(Duration::from_millis(5)),
            outcome => return outcome,
        }
    }
}

fn receive(mut stream: TcpStream, tally: &Mutex<Tally>) -> io::Result<()> {
    let mut buffer = vec![0; 2 * BATCH_BYTES];
    let mut filled = 0;
    loop {
        if filled == buffer.len() {
            buffer.resize(2 * filled, 0);
        }
        match stream.read(&mut buffer[filled..])? {
            0 => return Ok(()),
            read => filled += read,
        }
        let taken = take_messages(&buffer[..filled], tally);
        buffer.copy_within(taken..filled, 0);
        filled -= taken;
    }
}

/// Takes the whole messages at the front of `buffer`; how many bytes they are.
fn take_messages(buffer: &[u8], tally: &Mutex<Tally>) -> usize {
    let mut tally = tally.lock().unwrap_or_else(PoisonError::into_inner);
    let mut rest = buffer;
    while let Some((length, after)) = rest.split_first_chunk::<LENGTH_BYTES>()
        && let Some((message, after)) = after.split_at_checked(u32::from_le_bytes(*length) as usize)
    {
        if let Some(report) = Header::of_bytes(message).and_then(|header| tally.note(header)) {
            println!("{report}");
        }
        rest = after;
    }
    buffer.len() - rest.len()
}

/// The sending end of every connection.
struct Wires {
    streams: Vec<TcpStream>,
}

impl Wires {
    /// A member that is gone misses it; its reader tells.
    fn write(&mut self, bytes: &[u8]) {
        for stream in &mut self.streams {
            let _ = stream.write_all(bytes);
        }
    }
}

impl Sender for Wires {
    fn flood(&mut self, go: &Go) {
        // Each message is put into the batch by itself, as one must whose messages differ.
        let message = framed(go, 0);
        let mut batch = Vec::with_capacity(BATCH_BYTES + message.len());
        for _ in 0..go.n {
            batch.extend_from_slice(black_box(&message));
            if batch.len() >= BATCH_BYTES {
                self.write(&batch);
                batch.clear();
            }
        }
        self.write(&batch);
    }

    fn send(&mut self, go: &Go) {
        self.write(&framed(go, now_ns()));
    }
}

fn framed(go: &Go, sent_ns: u64) -> Vec<u8> {
    let size = go.size.max(Header::BYTES);
    let mut message = vec![0; LENGTH_BYTES + size];
    let length = u32::try_from(size).expect("a message of a benchmark is shorter than 4 GiB");
    message[..LENGTH_BYTES].copy_from_slice(&length.to_le_bytes());
    message[LENGTH_BYTES..][..Header::BYTES].copy_from_slice(&go.header(sent_ns).to_bytes());
    message
}
