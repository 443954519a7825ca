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
            version: 1,
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
        text(&mut body, self.id.uuid().as_bytes());
        body.extend(self.incarnation.to_be_bytes());
        text(&mut body, self.name.as_bytes());
        text(&mut body, self.address.as_bytes());
        body.extend(self.priority.to_be_bytes());
        frame(CONTROL, &body)
    }
}

/// A refusal by `by`; `reason` is its number and what follows it.
pub fn refused(by: PeerId, reason: u32, more: &[u8]) -> Vec<u8> {
    let mut body = vec![0, 0, 0, 1];
    text(&mut body, by.uuid().as_bytes());
    body.extend(reason.to_be_bytes());
    body.extend(more);
    frame(CONTROL, &body)
}

pub fn up() -> Vec<u8> {
    frame(CONTROL, &[0, 0, 0, 2])
}

pub fn ping(sequence: u64, echo: u64) -> Vec<u8> {
    let numbers = [sequence, echo, 0].map(u64::to_be_bytes).concat();
    frame(CONTROL, &[&[0, 0, 0, 3], numbers.as_slice()].concat())
}

pub fn bye() -> Vec<u8> {
    frame(CONTROL, &[0, 0, 0, 4, 0, 0, 0, 0])
}

/// The number of a ping, if the body is one.
pub fn ping_sequence(body: &[u8]) -> Option<u64> {
    let numbers = body.strip_prefix(&[0, 0, 0, 3])?;
    Some(u64::from_be_bytes(*numbers.first_chunk()?))
}
