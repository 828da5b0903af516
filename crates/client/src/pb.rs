//! Types generated from `proto/`.

#![allow(
    missing_docs,
    missing_debug_implementations,
    unreachable_pub,
    clippy::all,
    clippy::allow_attributes_without_reason,
    reason = "generated code is documented in proto/"
)]

tonic::include_proto!("crossfade.v1");

/// The descriptors of everything in `proto/`, for reflection.
pub const FILE_DESCRIPTOR_SET: &[u8] = include_bytes!(concat!(env!("OUT_DIR"), "/crossfade.bin"));

#[cfg(test)]
mod tests {
    use prost::Message;

    #[test]
    fn every_message_and_field_is_described() {
        let set = prost_types::FileDescriptorSet::decode(super::FILE_DESCRIPTOR_SET).unwrap();
        let ours = set
            .file
            .iter()
            .filter(|file| file.package() == "crossfade.v1");
        let mut checked = 0;
        for file in ours {
            let info = file.source_code_info.as_ref().unwrap();
            let documented = |path: &[i32]| {
                info.location
                    .iter()
                    .any(|place| place.path == path && !place.leading_comments().trim().is_empty())
            };
            // Field numbers of descriptor.proto: messages 4, their fields 2; enums 5, their values 2; services 6, their
            // methods 2.
            let groups = [
                (
                    4,
                    file.message_type
                        .iter()
                        .map(|m| (m.name(), m.field.len()))
                        .collect::<Vec<_>>(),
                ),
                (
                    5,
                    file.enum_type
                        .iter()
                        .map(|e| (e.name(), e.value.len()))
                        .collect(),
                ),
                (
                    6,
                    file.service
                        .iter()
                        .map(|s| (s.name(), s.method.len()))
                        .collect(),
                ),
            ];
            for (kind, items) in groups {
                for (place, (name, members)) in items.into_iter().enumerate() {
                    let place = place as i32;
                    assert!(documented(&[kind, place]), "{name} has no comment");
                    for member in 0..members as i32 {
                        assert!(
                            documented(&[kind, place, 2, member]),
                            "member {member} of {name} has no comment"
                        );
                    }
                    checked += 1 + members;
                }
            }
        }
        assert!(checked > 100, "only {checked} items were found");
    }
}
