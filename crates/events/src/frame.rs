//! Frames: what is written and synced at once.

/// What a frame begins with. No UTF-8 text has the first byte, so that ids cannot look like frames.
const MAGIC: &[u8; 4] = b"\xFFPL1";
const HEAD: usize = 16;

/// The frame that belongs at `offset` of a segment.
pub(crate) fn encode(segment: u64, offset: u64, payload: &[u8]) -> Vec<u8> {
    let mut frame = Vec::with_capacity(HEAD + payload.len());
    frame.extend_from_slice(MAGIC);
    frame.extend_from_slice(&(payload.len() as u32).to_le_bytes());
    frame.extend_from_slice(&checksum(segment, offset, payload));
    frame.extend_from_slice(payload);
    frame
}

/// The payload of the frame at `offset`, or what is wrong with it.
fn decode(segment: u64, bytes: &[u8], offset: usize) -> Result<&[u8], &'static str> {
    let rest = &bytes[offset..];
    let Some((head, rest)) = rest.split_first_chunk::<HEAD>() else {
        return Err("a frame is cut short");
    };
    let (magic, head) = head.split_at(MAGIC.len());
    let (length, sum) = head.split_at(size_of::<u32>());
    if magic != MAGIC {
        return Err("there is no frame where one must begin");
    }
    let length = length
        .iter()
        .rev()
        .fold(0, |sum, &byte| sum << 8 | usize::from(byte));
    let Some(payload) = rest.get(..length) else {
        return Err("a frame is cut short");
    };
    match checksum(segment, offset as u64, payload) == sum {
        true => Ok(payload),
        false => Err("the checksum of a frame does not fit"),
    }
}

fn checksum(segment: u64, offset: u64, payload: &[u8]) -> [u8; 8] {
    let mut hasher = blake3::Hasher::new();
    hasher.update(&segment.to_le_bytes());
    hasher.update(&offset.to_le_bytes());
    hasher.update(payload);
    let mut sum = [0; 8];
    hasher.finalize_xof().fill(&mut sum);
    sum
}

/// How far a segment's bytes are good.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Scan<'a> {
    /// Offset and payload of each good frame, up to the first that is not.
    pub(crate) payloads: Vec<(usize, &'a [u8])>,
    /// Where they end.
    pub(crate) end: usize,
    /// What is wrong there, if it is not the end of the file.
    pub(crate) fault: Option<Fault>,
}

/// Bytes that are no frame.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Fault {
    pub(crate) found: &'static str,
    /// Whether no good frame follows. A frame is only begun once all before it are on disk, so that a write which was cut
    /// off is always the last.
    pub(crate) last: bool,
}

/// Reads the frames of a whole segment, which must begin with `header`.
pub(crate) fn scan<'a>(header: &[u8], segment: u64, bytes: &'a [u8]) -> Scan<'a> {
    let mut scan = Scan {
        payloads: Vec::new(),
        end: 0,
        fault: None,
    };
    if !bytes.starts_with(header) {
        scan.fault = Some(Fault {
            found: "it does not begin like a segment",
            last: !any_frame(segment, bytes, 0),
        });
        return scan;
    }
    scan.end = header.len();
    while scan.end < bytes.len() {
        match decode(segment, bytes, scan.end) {
            Ok(payload) => {
                scan.payloads.push((scan.end, payload));
                scan.end += HEAD + payload.len();
            }
            Err(found) => {
                let last = !any_frame(segment, bytes, scan.end + 1);
                scan.fault = Some(Fault { found, last });
                break;
            }
        }
    }
    scan
}

/// Whether a good frame begins anywhere from `first` on.
fn any_frame(segment: u64, bytes: &[u8], first: usize) -> bool {
    let rest = bytes.get(first..).unwrap_or_default();
    let mut begins = rest.windows(MAGIC.len()).zip(first..);
    begins.any(|(window, offset)| window == MAGIC && decode(segment, bytes, offset).is_ok())
}
