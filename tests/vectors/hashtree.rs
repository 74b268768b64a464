use super::support::*;
use tahoe::base::ShareNum;
use tahoe::base::file::Params;
use tahoe::base::hash::{Hash, sha256, tagged};
use tahoe::codec::chain::chain_order;
use tahoe::codec::hashtree::{HashTree, empty_leaf, leaf_node, path, width};
use tahoe::codec::tags;

#[test]
fn trees_are_those_of_the_original() {
    let (seed, vectors) = load("hashtree");
    for case in items(&vectors["trees"]) {
        let leaves = number(case, "num_leaves") as usize;
        let leaf = |i| tagged(tags::BLOCK, format!("{seed} leaf {i}").as_bytes());
        let tree = HashTree::build(&(0..leaves).map(leaf).collect::<Vec<Hash>>());
        assert_eq!(tree.nodes().len() as u64, number(case, "num_nodes"));
        assert_eq!(width(leaves) as u64 - 1, number(case, "first_leaf_num"));
        assert_eq!(hex(tree.root()), text(case, "root"));
        if let Some(digest) = case["serialized_sha256"].as_str() {
            assert_eq!(hex(sha256(tree.as_bytes())), digest);
        }
        for (node, wanted) in
            tree.nodes().iter().zip(case["nodes"].as_array().into_iter().flatten())
        {
            assert_eq!(hex(node), wanted.as_str().unwrap());
        }
        assert_eq!(HashTree::parse(tree.as_bytes(), leaves, &tree.root()), Ok(tree));
    }
}

#[test]
fn padding_leaves_count_from_their_own_index() {
    let (_, vectors) = load("hashtree");
    let none = items(&vectors["trees"]).iter().find(|case| case["num_leaves"] == 0).unwrap();
    assert_eq!(hex(empty_leaf(0)), text(none, "root"));
}

#[test]
fn chains_are_written_in_the_order_of_the_original() {
    let (_, vectors) = load("hashtree");
    for case in items(&vectors["immutable_share_hash_chain_order"]) {
        let params = Params::new(1, number(case, "total_shares")).unwrap();
        let orders: Vec<Vec<u16>> = params.shares().map(|s| chain_order(params, s)).collect();
        assert!(orders.iter().all(|o| o.len() as u64 == number(case, "entries_per_share")));
        let json = serde_json::to_string(&orders).unwrap();
        assert_eq!(hex(sha256(json.as_bytes())), text(case, "all_orders_sha256"));
        if let Some(wanted) = case["orders"].as_array() {
            assert_eq!(serde_json::to_value(&orders).unwrap().as_array().unwrap(), wanted);
        }
        for (share, wanted) in case["some_orders"].as_object().into_iter().flatten() {
            let order = chain_order(params, ShareNum(share.parse().unwrap()));
            assert_eq!(serde_json::to_value(order).unwrap(), *wanted);
        }
    }
}

#[test]
fn a_leaf_needs_the_siblings_of_its_path() {
    let (_, vectors) = load("hashtree");
    for case in items(&vectors["needed_hashes"]) {
        let leaf = leaf_node(number(case, "num_leaves") as usize, number(case, "leaf") as usize);
        let mut needed: Vec<usize> = path(leaf).map(|(_, sibling)| sibling).collect();
        needed.sort_unstable();
        assert_eq!(serde_json::to_value(&needed).unwrap(), case["needed"]);
        needed.push(leaf);
        needed.sort_unstable();
        assert_eq!(serde_json::to_value(&needed).unwrap(), case["needed_with_leaf"]);
    }
}
