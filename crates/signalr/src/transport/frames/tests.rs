use proptest::prelude::*;

use super::*;

/// A frame as a client (with a mask) or a server sends it.
fn frame(first: u8, mask: Option<[u8; 4]>, payload: &[u8]) -> Vec<u8> {
    let flag = if mask.is_some() { 0x80 } else { 0 };
    let mut bytes = vec![first];
    match payload.len() {
        length @ 0..126 => bytes.push(flag | length as u8),
        length @ 126..65536 => {
            bytes.push(flag | 126);
            bytes.extend_from_slice(&(length as u16).to_be_bytes());
        }
        length => {
            bytes.push(flag | 127);
            bytes.extend_from_slice(&(length as u64).to_be_bytes());
        }
    }
    bytes.extend_from_slice(&mask.unwrap_or_default()[..if mask.is_some() { 4 } else { 0 }]);
    let start = bytes.len();
    bytes.extend_from_slice(payload);
    apply_mask(&mut bytes[start..], mask.unwrap_or_default());
    bytes
}

/// What the reader makes of bytes that come in pieces of the given sizes: all payload, and the control frames.
fn read(
    role: Role,
    bytes: &[u8],
    mut sizes: impl Iterator<Item = usize>,
) -> Result<(Vec<u8>, Vec<Vec<u8>>), FrameError> {
    let mut reader = FrameReader::new(role);
    let (mut data, mut pings, mut held) = (Vec::new(), Vec::new(), Vec::new());
    let mut rest = bytes;
    while !rest.is_empty() {
        let size = sizes.next().unwrap_or(rest.len()).clamp(1, rest.len());
        held.extend_from_slice(&rest[..size]);
        rest = &rest[size..];
        while let Some((taken, frame)) = reader.read(&mut held)? {
            match frame {
                Frame::Data(range) => data.extend_from_slice(&held[range]),
                Frame::Ping(range) => pings.push(held[range].to_vec()),
                Frame::Pong | Frame::Close(_) => (),
            }
            held.drain(..taken);
        }
        assert!(held.len() < 140, "only a header or a control frame is ever kept");
    }
    Ok((data, pings))
}

#[test]
fn the_specifications_examples() {
    // RFC 6455, section 5.7.
    let masked = [0x81, 0x85, 0x37, 0xfa, 0x21, 0x3d, 0x7f, 0x9f, 0x4d, 0x51, 0x58];
    assert_eq!(read(Role::Server, &masked, [].into_iter()).unwrap().0, b"Hello");
    let unmasked = [0x81, 0x05, 0x48, 0x65, 0x6c, 0x6c, 0x6f];
    assert_eq!(read(Role::Client, &unmasked, [].into_iter()).unwrap().0, b"Hello");
}

#[test]
fn what_is_against_the_rules_is_refused() {
    let mask = Some([1, 2, 3, 4]);
    for (name, bytes) in [
        ("not masked", frame(0x81, None, b"x")),
        ("reserved bit", frame(0xc1, mask, b"x")),
        ("reserved opcode", frame(0x83, mask, b"x")),
        ("continues nothing", frame(0x80, mask, b"x")),
        ("begins within a message", [frame(0x01, mask, b"x"), frame(0x81, mask, b"y")].concat()),
        ("long ping", frame(0x89, mask, &[0; 126])),
        ("fragmented ping", frame(0x09, mask, b"x")),
    ] {
        assert!(read(Role::Server, &bytes, [].into_iter()).is_err(), "{name}");
    }
    assert!(read(Role::Client, &frame(0x81, mask, b"x"), [].into_iter()).is_err());
}

proptest! {
    #[test]
    fn payloads_come_through_however_they_are_cut(
        payloads in prop::collection::vec(prop::collection::vec(any::<u8>(), 0..300), 1..6),
        long in prop::collection::vec(any::<u8>(), 0..70_000),
        mask: [u8; 4],
        sizes in prop::collection::vec(1_usize..5000, 0..200),
        masked: bool,
    ) {
        let mask = masked.then_some(mask);
        let mut bytes = Vec::new();
        let mut expected = Vec::new();
        for payload in payloads.iter().chain([&long]) {
            let (first, rest) = payload.split_at(payload.len() / 3);
            bytes.extend(frame(0x02, mask, first));
            bytes.extend(frame(0x89, mask, b"ping"));
            bytes.extend(frame(0x80, mask, rest));
            expected.extend_from_slice(payload);
        }
        let role = if masked { Role::Server } else { Role::Client };
        let (data, pings) = read(role, &bytes, sizes.into_iter()).unwrap();
        prop_assert_eq!(data, expected);
        prop_assert_eq!(pings, vec![b"ping".to_vec(); payloads.len() + 1]);
    }

    #[test]
    fn arbitrary_bytes_do_no_harm(
        bytes in prop::collection::vec(any::<u8>(), 0..2000),
        sizes in prop::collection::vec(1_usize..300, 0..50),
    ) {
        let _ = read(Role::Server, &bytes, sizes.iter().copied());
        let _ = read(Role::Client, &bytes, sizes.into_iter());
    }
}
