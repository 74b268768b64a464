use super::support::*;
use serde_json::Value;
use tahoe::base::file::Params;
use tahoe::codec::Geometry;
use tahoe::codec::chain::{ENTRY_BYTES, chain_bytes};
use tahoe::codec::layout::{Layout, Offsets, Version};

#[test]
fn sizes_and_offsets_follow_the_format_up_to_many_terabytes() {
    let (_, vectors) = load("layout");
    for case in items(&vectors) {
        let params = Params::new(number(case, "k"), number(case, "n")).unwrap();
        let (size, segment_max) = (number(case, "size"), number(case, "max_segment_size"));
        let geometry = Geometry::for_upload(params, size, segment_max).unwrap();
        check_geometry(&geometry, case);
        assert_eq!(chain_bytes(params) / ENTRY_BYTES as u64, number(case, "num_share_hashes"));
        let layout = Layout::plan(&geometry, Version::V1).unwrap();
        check_layout(&layout, case);
        assert_eq!(hex(layout.header()), text(case, "header_hex"));
        assert_eq!(Offsets::parse(&layout.header()), Ok(*layout.offsets()));
        assert_eq!(layout.ueb_len(), number(case, "ueb_size"));
    }
}

pub fn check_geometry(geometry: &Geometry, case: &Value) {
    assert_eq!(geometry.segment_size(), number(case, "segment_size"));
    assert_eq!(geometry.segments(), number(case, "num_segments"));
    assert_eq!(geometry.block_size(), number(case, "block_size"));
    assert_eq!(geometry.tail_block(), number(case, "tail_block_size"));
    assert_eq!(geometry.share_data(), number(case, "share_data_size"));
    let blocks = geometry.block_size() * (geometry.segments() - 1) + geometry.tail_block();
    assert_eq!(blocks, geometry.share_data());
}

pub fn check_layout(layout: &Layout, case: &Value) {
    let version = match number(case, "share_version") {
        1 => Version::V1,
        2 => Version::V2,
        other => panic!("version {other}"),
    };
    let offsets = &case["offsets"];
    let wanted = Offsets {
        version,
        data: number(offsets, "data"),
        plaintext_tree: number(offsets, "plaintext_hash_tree"),
        crypttext_tree: number(offsets, "crypttext_hash_tree"),
        block_hashes: number(offsets, "block_hashes"),
        share_hashes: number(offsets, "share_hashes"),
        ueb: number(offsets, "uri_extension"),
    };
    assert_eq!(*layout.offsets(), wanted);
    assert_eq!(layout.share_len(), number(case, "allocated_size"));
}
