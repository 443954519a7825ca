//! The bytes of the protocol, written down a second time and by hand.

use transport::{Address, PeerId};

pub const CONTROL: u8 = 0;
pub const URGENT: u8 = 1;
pub const BULK: u8 = 2;
pub const PART: u8 = 3;

pub fn frame(kind: u8, body: &[u8]) -> Vec<u8> {
    let mut out = (body.len() as u32 + 1).to_be_bytes().to_vec();
    out.push(kind);
    out.extend(body);
    out
}

fn text(out: &mut Vec<u8>, text: &[u8]) {
    out.extend((text.len() as u64).to_be_bytes());
    out.extend(text);
}

/// What a hello says.
#[derive(Clone, Debug)]
pub struct Hello {
    pub version: u16,
    pub group: String,
    pub id: PeerId,
    pub incarnation: u64,
    pub name: String,
    pub address: String,
    pub priority: u16,
}

impl Hello {
    pub fn new(id: PeerId) -> Self {
        Self {
            version: 4,
            group: "default".into(),
            id,
            incarnation: 1,
            name: "fake".into(),
            address: "127.0.0.1:1".into(),
            priority: 0,
        }
    }

    pub fn at(self, address: &Address) -> Self {
        Self { address: address.as_str().into(), ..self }
    }

    pub fn to_frame(&self) -> Vec<u8> {
        let mut body = vec![0, 0, 0, 0];
        body.extend(b"meshchat");
        body.extend(self.version.to_be_bytes());
        text(&mut body, self.group.as_bytes());
        self.peer(&mut body);
        frame(CONTROL, &body)
    }

    /// A greeting: this peer is linked to those.
    pub fn state(&self, version: u64, neighbours: &[PeerId]) -> Vec<u8> {
        let mut body = vec![0, 0, 0, 5, 0, 0, 0, 0];
        self.peer(&mut body);
        body.extend(version.to_be_bytes());
        body.extend((neighbours.len() as u64).to_be_bytes());
        neighbours.iter().for_each(|neighbour| body.extend(neighbour.uuid().as_bytes()));
        body.push(0);
        frame(CONTROL, &body)
    }

    fn peer(&self, out: &mut Vec<u8>) {
        out.extend(self.id.uuid().as_bytes());
        out.extend(self.incarnation.to_be_bytes());
        text(out, self.name.as_bytes());
        text(out, self.address.as_bytes());
        out.extend(self.priority.to_be_bytes());
    }
}

/// Who says hello in this body.
pub fn id_in_hello(body: &[u8]) -> PeerId {
    let group = 4 + 8 + 2;
    let length = u64::from_be_bytes(*body[group..].first_chunk().unwrap()) as usize;
    let id = &body[group + 8 + length..];
    PeerId::new(uuid::Uuid::from_bytes(*id.first_chunk().unwrap()))
}

/// A refusal by `by`; `reason` is its number and what follows it.
pub fn refused(by: PeerId, reason: u32, more: &[u8]) -> Vec<u8> {
    let mut body = vec![0, 0, 0, 1];
    body.extend(by.uuid().as_bytes());
    body.extend(reason.to_be_bytes());
    body.extend(more);
    frame(CONTROL, &body)
}

pub fn up() -> Vec<u8> {
    frame(CONTROL, &[0, 0, 0, 2])
}

pub fn ping(sequence: u64, echo: u64) -> Vec<u8> {
    ping_with(sequence, echo, 0)
}

/// A ping with the hash of a table.
pub fn ping_with(sequence: u64, echo: u64, table: u64) -> Vec<u8> {
    let numbers = [sequence, echo, 0, table].map(u64::to_be_bytes).concat();
    frame(CONTROL, &[&[0, 0, 0, 3], numbers.as_slice()].concat())
}

pub fn bye() -> Vec<u8> {
    frame(CONTROL, &[[0, 0, 0, 4, 0, 0, 0, 0].as_slice(), &9u64.to_be_bytes()].concat())
}

/// What one state adds to the hash of a table: FNV-1a of its id, incarnation and version.
pub fn state_hash(hello: &Hello, version: u64) -> u64 {
    let numbers = [hello.incarnation, version].map(u64::to_be_bytes).concat();
    let bytes = hello.id.uuid().into_bytes().into_iter().chain(numbers);
    bytes.fold(0xcbf2_9ce4_8422_2325, |hash, byte| (hash ^ u64::from(byte)).wrapping_mul(0x100_0000_01b3))
}

/// The number of a ping, if the body is one.
pub fn ping_sequence(body: &[u8]) -> Option<u64> {
    let numbers = body.strip_prefix(&[0, 0, 0, 3])?;
    Some(u64::from_be_bytes(*numbers.first_chunk()?))
}
