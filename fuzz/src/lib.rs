//! What the fuzz targets share: readers of the same texts that share no code with the ones under test.

/// Undoes the form encoding of one name or value the way browsers do (URL Standard section 5.1), without
/// refusing anything.
#[must_use]
pub fn form_decoded(text: &[u8]) -> Vec<u8> {
    let digit = |byte: Option<&u8>| byte.and_then(|byte| char::from(*byte).to_digit(16));
    let mut decoded = Vec::with_capacity(text.len());
    let mut at = 0;
    while let Some(byte) = text.get(at) {
        match (byte, digit(text.get(at + 1)), digit(text.get(at + 2))) {
            (b'%', Some(high), Some(low)) => {
                decoded.push(u8::try_from(high * 16 + low).unwrap_or_default());
                at += 2;
            }
            (b'+', ..) => decoded.push(b' '),
            (other, ..) => decoded.push(*other),
        }
        at += 1;
    }
    decoded
}

/// The pairs of a form in their order, as [`form_decoded`].
#[must_use]
pub fn form_pairs(text: &[u8]) -> Vec<(Vec<u8>, Vec<u8>)> {
    let pairs = text.split(|byte| *byte == b'&').filter(|it| !it.is_empty());
    let split = |pair: &[u8]| {
        let end = pair.iter().position(|byte| *byte == b'=');
        let name = &pair[..end.unwrap_or(pair.len())];
        let value = end.map_or(&[][..], |end| &pair[end + 1..]);
        (form_decoded(name), form_decoded(value))
    };
    pairs.map(split).collect()
}

/// Base64 of RFC 4648 section 4, written from its table; `None` for anything that is not its one
/// spelling.
#[must_use]
pub fn base64_decoded(text: &[u8]) -> Option<Vec<u8>> {
    let value = |byte: u8| match byte {
        b'A'..=b'Z' => Some(byte - b'A'),
        b'a'..=b'z' => Some(byte - b'a' + 26),
        b'0'..=b'9' => Some(byte - b'0' + 52),
        b'+' => Some(62),
        b'/' => Some(63),
        _ => None,
    };
    if !text.len().is_multiple_of(4) {
        return None;
    }
    let padding = text.iter().rev().take_while(|byte| **byte == b'=').count();
    let (mut decoded, mut held, mut bits) = (Vec::new(), 0_u32, 0);
    for byte in &text[..text.len() - padding] {
        held = held << 6 | u32::from(value(*byte)?);
        bits += 6;
        if bits >= 8 {
            bits -= 8;
            decoded.push(u8::try_from(held >> bits & 0xff).ok()?);
        }
    }
    let stray = held & ((1 << bits) - 1) != 0;
    let expected = match bits {
        0 => 0,
        4 => 2,
        2 => 1,
        _ => return None,
    };
    (!stray && padding == expected).then_some(decoded)
}

/// The parts of an input that go to different arguments: what stands between line feeds.
#[must_use]
pub fn lines<const N: usize>(data: &[u8]) -> Option<[&str; N]> {
    let mut rest = std::str::from_utf8(data).ok()?.splitn(N, '\n');
    let mut parts = [""; N];
    for part in &mut parts {
        *part = rest.next()?;
    }
    Some(parts)
}
