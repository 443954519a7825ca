//! A snapshot as bytes, but for what the program above keeps, which stands in a column of its own: in pieces, for the encoding that peers share ends at the length of a message (pure).

use bytes::Bytes;
use history::{APPLIED_SESSIONS, Applied, Config, Lineage, Regime, RunningHash, SessionRow, Snapshot};
use serde::de::value::{Error as ValueError, MapDeserializer, SeqDeserializer};
use serde::de::{Deserialize as _, Deserializer, IntoDeserializer, Visitor};
use serde::forward_to_deserialize_any;
use transport::{DecodeError, PeerId};

/// How many sessions stand in one piece: 40 bytes each.
const PIECE_SESSIONS: usize = 8_192;

/// What is not in a row: index, hash, configuration, its place, the floor of the table, how many rows it has, and the histories.
type Head = (u64, RunningHash, Config<PeerId>, u64, u64, u64, Lineage<PeerId>);

/// The same as older versions wrote it.
type OldHead = (u64, RunningHash, Config<PeerId>, u64, u64, u64);

/// The bytes of a snapshot: pieces, each behind its length (4 bytes, big-endian).
pub(super) fn encode(snapshot: &Snapshot<PeerId>) -> Result<Vec<u8>, DecodeError> {
    let Snapshot { index, hash, lineage, config, config_index, applied, .. } = snapshot;
    let mut bytes = Vec::new();
    let rows: Vec<SessionRow> = applied.rows().collect();
    let head = (index, hash, config, config_index, applied.floor(), rows.len() as u64, lineage);
    push(&mut bytes, &transport::encode(&head)?);
    for piece in rows.chunks(PIECE_SESSIONS) {
        push(&mut bytes, &transport::encode(piece)?);
    }
    Ok(bytes)
}

/// The snapshot; or nothing, if the bytes are none. If they do not say so, it is of the history `regime`.
pub(super) fn decode(mut bytes: &[u8], state: Bytes, regime: Option<Regime<PeerId>>) -> Option<Snapshot<PeerId>> {
    let (index, hash, config, config_index, floor, count, lineage) = head(pop(&mut bytes)?, regime)?;
    let mut rows = Vec::new();
    while !bytes.is_empty() {
        rows.extend(transport::decode::<Vec<SessionRow>>(pop(&mut bytes)?).ok()?);
    }
    let applied = table(floor, &rows).ok().filter(|table| table.len() as u64 == count)?;
    Some(Snapshot { index, hash, lineage, config, config_index, applied, state })
}

fn head(bytes: &[u8], regime: Option<Regime<PeerId>>) -> Option<Head> {
    if let Ok(head) = transport::decode::<Head>(bytes) {
        return Some(head);
    }
    let (index, hash, config, config_index, floor, count): OldHead = transport::decode(bytes).ok()?;
    let regime = regime?;
    // What a founder began is of that history from its first place on.
    let from = if regime.number == 0 { 1 } else { index };
    Some((index, hash, config, config_index, floor, count, Lineage::known_from(from, regime)))
}

fn push(bytes: &mut Vec<u8>, piece: &[u8]) {
    let length = u32::try_from(piece.len()).expect("no piece is longer than a message");
    bytes.extend(length.to_be_bytes());
    bytes.extend(piece);
}

fn pop<'a>(bytes: &mut &'a [u8]) -> Option<&'a [u8]> {
    let (length, rest) = bytes.split_first_chunk()?;
    let (piece, rest) = rest.split_at_checked(usize::try_from(u32::from_be_bytes(*length)).ok()?)?;
    *bytes = rest;
    Some(piece)
}

/// The table of these rows. It has no public constructor that takes them, but is made by whatever can be deserialized: its
/// fields are the limit, the floor, the sessions, and, of a full table only, the sessions by their last place.
fn table(floor: u64, rows: &[SessionRow]) -> Result<Applied, ValueError> {
    let session = |row: &SessionRow| Value::Seq(row.session.uuid().as_bytes().map(|b| Value::Number(b.into())).into());
    let sessions = rows.iter().map(|row| {
        let fields = [row.next, row.last, row.lamport].map(Value::Number);
        (session(row), Value::Seq(fields.into()))
    });
    let by_last = match rows.len() {
        APPLIED_SESSIONS.. => rows.iter().map(|row| Value::Seq(vec![Value::Number(row.last), session(row)])).collect(),
        _ => Vec::new(),
    };
    Applied::deserialize(Value::Seq(vec![
        Value::Number(APPLIED_SESSIONS as u64),
        Value::Number(floor),
        Value::Map(sessions.collect()),
        Value::Seq(by_last),
    ]))
}

/// A value to be deserialized from.
enum Value {
    Number(u64),
    Seq(Vec<Self>),
    Map(Vec<(Self, Self)>),
}

impl IntoDeserializer<'_> for Value {
    type Deserializer = Self;

    fn into_deserializer(self) -> Self {
        self
    }
}

impl<'de> Deserializer<'de> for Value {
    type Error = ValueError;

    fn deserialize_any<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, ValueError> {
        match self {
            Self::Number(number) => visitor.visit_u64(number),
            Self::Seq(values) => SeqDeserializer::new(values.into_iter()).deserialize_any(visitor),
            Self::Map(pairs) => MapDeserializer::new(pairs.into_iter()).deserialize_any(visitor),
        }
    }

    fn deserialize_newtype_struct<V: Visitor<'de>>(self, _: &'static str, visitor: V) -> Result<V::Value, ValueError> {
        visitor.visit_newtype_struct(self)
    }

    forward_to_deserialize_any! {
        bool i8 i16 i32 i64 i128 u8 u16 u32 u64 u128 f32 f64 char str string bytes byte_buf option unit unit_struct
        seq tuple tuple_struct map struct enum identifier ignored_any
    }
}

#[cfg(test)]
mod tests {
    use history::{MessageId, Say, Session};
    use uuid::Uuid;

    use super::*;

    fn snapshot(sessions: u64) -> Snapshot<PeerId> {
        let peer = PeerId::new(Uuid::from_u128(9));
        let mut applied = Applied::default();
        for index in 1..=sessions {
            let id = MessageId { session: Session::new(Uuid::from_u128(u128::from(index * 7919 % 65_537))), number: 0 };
            applied.apply(&Say { id, lamport: index, after: None, heads: vec![], body: Bytes::new() }, index);
        }
        let config = Config { voters: vec![peer], tie_breaker: peer, fork: None };
        let state = Bytes::from_static(b"of a program");
        let (hash, lineage) = (RunningHash::default(), Lineage::known_from(1, Regime::founded(peer)));
        Snapshot { index: sessions, hash, lineage, config, config_index: 1, applied, state }
    }

    #[test]
    fn a_snapshot_of_any_size_comes_back_as_it_was() {
        for sessions in [0, 1, 8_192, 8_193, APPLIED_SESSIONS as u64 + 9] {
            let snapshot = snapshot(sessions);
            let decoded = decode(&encode(&snapshot).unwrap(), snapshot.state.clone(), None);
            assert!(decoded.unwrap() == snapshot, "{sessions}");
        }
    }

    #[test]
    fn what_is_cut_off_is_no_snapshot() {
        let bytes = encode(&snapshot(3)).unwrap();
        for length in 0..bytes.len() {
            assert!(decode(&bytes[..length], Bytes::new(), None).is_none(), "{length}");
        }
    }

    #[test]
    fn a_snapshot_of_an_older_version_is_of_the_history_that_its_log_was_of() {
        let snapshot = snapshot(3);
        let Snapshot { index, hash, config, config_index, applied, state, lineage } = &snapshot;
        let rows: Vec<SessionRow> = applied.rows().collect();
        let mut bytes = Vec::new();
        let head = (index, hash, config, config_index, applied.floor(), rows.len() as u64);
        push(&mut bytes, &transport::encode(&head).unwrap());
        push(&mut bytes, &transport::encode(&rows).unwrap());
        assert!(decode(&bytes, state.clone(), lineage.regime()).unwrap() == snapshot);
    }
}
