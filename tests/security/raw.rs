//! Calls of any method with any bytes.

use std::collections::BTreeSet;

use bytes::{Buf, BufMut, Bytes};
use crossfade::pb;
use prost::Message;
use prost_types::FileDescriptorSet;
use tonic::{
    Code, Request, Status,
    client::Grpc,
    codec::{Codec, DecodeBuf, Decoder, EncodeBuf, Encoder},
    transport::Channel,
};

/// Calls methods by their paths.
pub(super) struct Raw(Channel);

impl Raw {
    pub(super) fn new(channel: Channel) -> Self {
        Self(channel)
    }

    /// How a call ends, or for a stream, begins.
    pub(super) async fn code(&self, path: &str, token: Option<&str>, message: Vec<u8>) -> Code {
        let mut grpc = Grpc::new(self.0.clone());
        grpc.ready().await.unwrap();
        let mut request = Request::new(Bytes::from(message));
        if let Some(token) = token {
            let value = format!("Bearer {token}").parse().unwrap();
            request.metadata_mut().insert("authorization", value);
        }
        let path = path.parse().unwrap();
        let result = match streams(path_of(&path)) {
            true => grpc
                .server_streaming(request, path, Verbatim)
                .await
                .map(drop),
            false => grpc.unary(request, path, Verbatim).await.map(drop),
        };
        result.map_or_else(|status| status.code(), |()| Code::Ok)
    }
}

fn path_of(path: &http::uri::PathAndQuery) -> &str {
    path.path()
}

/// Whether a method answers with a stream.
pub(super) fn streams(path: &str) -> bool {
    path.ends_with("/Watch") || path.ends_with("/ServerReflectionInfo") || path.contains("/Stream")
}

/// The paths of all methods that are served.
pub(super) fn methods() -> BTreeSet<String> {
    let sets = [
        pb::FILE_DESCRIPTOR_SET,
        tonic_health::pb::FILE_DESCRIPTOR_SET,
        tonic_reflection::pb::v1::FILE_DESCRIPTOR_SET,
        tonic_reflection::pb::v1alpha::FILE_DESCRIPTOR_SET,
    ];
    let mut paths = BTreeSet::new();
    for set in sets {
        for file in FileDescriptorSet::decode(set).unwrap().file {
            for service in &file.service {
                let of = |method: &str| format!("/{}.{}/{method}", file.package(), service.name());
                paths.extend(service.method.iter().map(|method| of(method.name())));
            }
        }
    }
    paths
}

/// Sends and takes messages as they are.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Verbatim;

impl Codec for Verbatim {
    type Encode = Bytes;
    type Decode = Bytes;
    type Encoder = Self;
    type Decoder = Self;

    fn encoder(&mut self) -> Self {
        Self
    }

    fn decoder(&mut self) -> Self {
        Self
    }
}

impl Encoder for Verbatim {
    type Item = Bytes;
    type Error = Status;

    fn encode(&mut self, message: Bytes, into: &mut EncodeBuf<'_>) -> Result<(), Status> {
        into.put(message);
        Ok(())
    }
}

impl Decoder for Verbatim {
    type Item = Bytes;
    type Error = Status;

    fn decode(&mut self, from: &mut DecodeBuf<'_>) -> Result<Option<Bytes>, Status> {
        let length = from.remaining();
        Ok(Some(from.copy_to_bytes(length)))
    }
}

/// Numbers that look random (SplitMix64).
pub(super) struct Random(u64);

impl Random {
    pub(super) fn new(seed: u64) -> Self {
        Self(seed)
    }

    fn next(&mut self, below: usize) -> usize {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut mixed = self.0;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        ((mixed ^ (mixed >> 31)) % below as u64) as usize
    }

    /// The bytes with some changed, inserted, repeated or cut off.
    pub(super) fn mutilate(&mut self, bytes: &[u8]) -> Vec<u8> {
        let mut bytes = bytes.to_vec();
        for _ in 0..=self.next(4) {
            let at = self.next(bytes.len() + 1);
            let byte = self.next(256) as u8;
            match self.next(4) {
                0 => bytes.truncate(at),
                1 => bytes.insert(at, byte),
                2 => {
                    let copied = bytes[at..].to_vec();
                    bytes.extend(copied);
                }
                _ => {
                    if let Some(changed) = bytes.get_mut(at) {
                        *changed = byte;
                    }
                }
            }
        }
        bytes
    }
}
