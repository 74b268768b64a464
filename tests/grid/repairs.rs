//! Shares that were lost or damaged: found, named by their damage, and made again.

use std::collections::BTreeMap;
use std::time::Duration;
use tahoe::base::file::{FileFacts, FileKey, Params, proven_index};
use tahoe::base::hash::sha256;
use tahoe::base::{ShareNum, StorageIndex};
use tahoe::cap::{Cap, ChkCap};
use tahoe::codec::encode::{Encoder, Plan};
use tahoe::codec::layout::{Offsets, Version};
use tahoe::grid::timeouts::Timeouts;
use tahoe::grid::{Checked, EncodingParams, Flaw, Part, Repaired, Unrepaired};
use tahoe_testing::faults::Mode;
use tahoe_testing::{Grid, data, grid, grid_of, impatient, no_hang, until};

/// A grid with one file, by its verify cap.
struct Kept {
    grid: Grid,
    si: StorageIndex,
    cap: Cap,
    verify: Cap,
    bytes: Vec<u8>,
}

type Shares = BTreeMap<ShareNum, Vec<u8>>;

impl Kept {
    async fn of(grid: Grid, bytes: Vec<u8>) -> Self {
        let cap = grid.put(&bytes).await;
        let (si, verify) = (cap.storage_index().unwrap(), cap.verify_cap().unwrap());
        Self { grid, si, cap, verify, bytes }
    }

    async fn new(len: usize) -> Self {
        Self::of(grid(10), data(len as u64, len)).await
    }

    async fn verified(&self) -> Checked {
        let verify = self.grid.client.verify(&self.verify, false);
        no_hang("a verification", verify).await.unwrap()
    }

    async fn repaired(&self) -> Repaired {
        let repair = self.grid.client.check_and_repair(&self.verify, true, false);
        no_hang("a repair", repair).await.unwrap()
    }

    /// Where proven shares are.
    fn beside(&self) -> StorageIndex {
        let facts = self.cap.file().unwrap().facts().unwrap().unwrap();
        proven_index(&self.si, &facts.ueb_hash)
    }

    /// Each share number once, wherever it stands under `si`.
    fn shares_at(&self, si: StorageIndex) -> Shares {
        let disks = self.grid.servers.iter().map(|server| server.disk.lock().unwrap());
        let mut all = Shares::new();
        for disk in disks {
            let here = disk.shares.iter().filter(|((of, _), _)| *of == si);
            all.extend(here.map(|((_, num), bytes)| (*num, bytes.to_vec())));
        }
        all
    }

    fn shares(&self) -> Shares {
        self.shares_at(self.si)
    }

    /// Loses the shares of servers that `which` chooses.
    fn lose(&self, which: impl Fn(usize) -> bool) {
        let servers = self.grid.servers.iter().enumerate().filter(|(index, _)| which(*index));
        for (_, server) in servers {
            server.disk.lock().unwrap().shares.retain(|(of, _), _| *of != self.si);
        }
    }

    /// The finding of a verification after `change` to the shares of server 0, which is undone.
    async fn found(&self, change: impl Fn(&mut Vec<u8>)) -> (Flaw, usize) {
        let before = self.grid.servers[0].disk.lock().unwrap().shares.clone();
        let told = self.grid.advisories(0);
        self.grid.corrupt(0, self.si, change);
        let checked = self.verified().await;
        assert_eq!((checked.good(), checked.findings.len()), (9, 1), "{:?}", checked.findings);
        assert!(checked.verified && !checked.is_healthy() && checked.is_recoverable());
        assert_eq!(checked.findings[0].server, self.grid.servers[0].id);
        self.grid.servers[0].disk.lock().unwrap().shares = before;
        let flaw = checked.findings[0].flaw.clone();
        if flaw.is_corrupt() {
            // Nobody waits for the answer to a report.
            until(|| self.grid.advisories(0) > told).await;
        }
        (flaw, self.grid.advisories(0) - told)
    }
}

#[actix_rt::test]
async fn a_part_is_read_alone_and_damage_is_found_in_its_own() {
    let kept = Kept::new(1_500_000).await;
    let share = kept.shares().into_values().next().unwrap();
    let last = Offsets::parse(&share).unwrap().plaintext_tree as usize - 1;
    kept.grid.corrupt(0, kept.si, |share| share[last] ^= 1);
    let client = &kept.grid.client;
    for of in [1, 2, 3, 100] {
        let mut found = Vec::new();
        for number in 0..of {
            let part = client.verify_part(&kept.verify, Part { number, of }, false);
            let checked = no_hang("a part", part).await.unwrap();
            found.extend((!checked.is_healthy()).then_some((number, checked.good())));
        }
        assert_eq!(found, [(of - 1, 9)], "of {of}");
    }
}

/// Where damage is done, and the region that it is to be found in.
fn places(offsets: &Offsets, len: usize) -> Vec<(usize, &'static str)> {
    let at = |offset: u64| offset as usize;
    let (data, end) = (at(offsets.data), at(offsets.plaintext_tree) - 1);
    let (segments, blocks) = (at(offsets.crypttext_tree), at(offsets.block_hashes));
    let (chain, ueb) = (at(offsets.share_hashes), at(offsets.ueb));
    // The offsets but that of the tree that nobody reads.
    let header = (0x0c..0x10).chain(0x14..0x24).map(|at| (at, "header"));
    let rest = [
        (data, "data"),
        (data.midpoint(end), "data"),
        (end, "data"),
        (segments, "crypttext_hash_tree"),
        (blocks - 1, "crypttext_hash_tree"),
        (blocks, "block_hashes"),
        (chain - 1, "block_hashes"),
        (chain, "share_hashes"),
        (chain + 2, "share_hashes"),
        (ueb - 1, "share_hashes"),
        (ueb + 4, "uri_extension"),
        (len - 1, "uri_extension"),
    ];
    header.chain(rest).collect()
}

#[actix::test]
async fn damage_is_found_in_each_region_of_a_share_and_named() {
    for len in [1_000, 3_500_000] {
        let kept = Kept::new(len).await;
        let plan = Plan::new(Params::new(3, 10).unwrap(), len as u64).unwrap();
        for (at, region) in places(plan.layout().offsets(), plan.share_len() as usize) {
            let (flaw, told) = kept.found(|share| share[at] ^= 1).await;
            assert_eq!(flaw.region(), Some(region), "byte {at} of {len}: {flaw}");
            assert!(flaw.is_corrupt() && told == 1, "byte {at}: {flaw}, told {told} times");
        }
        for cut in [0, 10, 40, plan.share_len() as usize / 2, plan.share_len() as usize - 1] {
            let (flaw, _) = kept.found(|share| share.truncate(cut)).await;
            assert!(flaw.is_corrupt(), "cut to {cut}: {flaw}");
        }
        assert!(kept.verified().await.is_healthy());
    }
}

#[actix::test]
async fn what_is_no_share_of_the_file_is_told_from_what_is_damaged() {
    let kept = Kept::new(200_000).await;
    let other = kept.grid.put(&data(99, 200_000)).await.storage_index().unwrap();
    let (flaw, told) = kept.found(|share| share[3] = 7).await;
    assert_eq!((flaw, told), (Flaw::Incompatible(7), 0), "of a later program, perhaps");
    let stranger = kept.shares_at(other)[&ShareNum(0)].clone();
    assert_eq!(kept.found(|share| share.clone_from(&stranger)).await, (Flaw::Foreign, 1));
    let shares = kept.shares();
    let swapped = |share: &mut Vec<u8>| {
        let other = shares.values().find(|other| *other != share).unwrap();
        share.clone_from(other);
    };
    assert_eq!(kept.found(swapped).await.0.region(), Some("share_hashes"));
}

#[actix::test]
async fn servers_that_give_nothing_are_told_from_shares_that_are_bad() {
    let mut kept = Kept::new(200_000).await;
    let timeouts = Timeouts { read: Duration::from_millis(100), ..impatient() };
    kept.grid.client = kept.grid.client.with_timeouts(timeouts);
    kept.grid.kill(0).set(1, Mode::ReadErrors).set(2, Mode::HangingReads);
    let checked = kept.verified().await;
    assert_eq!((checked.good(), checked.findings.len()), (7, 2));
    let unreadable = |flaw: &Flaw| matches!(flaw, Flaw::Unreadable(_)) && !flaw.is_corrupt();
    assert!(checked.findings.iter().all(|finding| unreadable(&finding.flaw)));
    assert_eq!(checked.silent, [kept.grid.servers[0].id]);
    assert_eq!(kept.grid.advisories(1) + kept.grid.advisories(2), 0);
}

#[actix::test]
async fn a_cap_with_wrong_numbers_accuses_no_server() {
    let kept = Kept::new(300_000).await;
    let text = kept.verify.reveal().replace(":300000", ":300001");
    let wrong = Cap::parse(&text).unwrap();
    let checked = kept.grid.client.verify(&wrong, false).await.unwrap();
    assert!(checked.findings.iter().all(|finding| finding.flaw == Flaw::Contradicting));
    assert_eq!((checked.findings.len(), checked.good()), (10, 0));
    assert_eq!((0..10).map(|index| kept.grid.advisories(index)).sum::<usize>(), 0);
}

#[actix::test]
async fn all_shares_but_k_come_back_byte_for_byte_from_a_verify_cap() {
    for (len, left) in [(60, 0..3), (1_000, 7..10), (180_000, 2..5), (9_500_000, 4..7)] {
        let kept = Kept::new(len).await;
        let shares = kept.shares();
        kept.lose(|index| !left.contains(&index));
        let Repaired { before, after, outcome } = kept.repaired().await;
        assert_eq!((before.good(), after.good(), after.happiness), (3, 10, 10), "{len} bytes");
        assert!(matches!(outcome, Some(Ok(()))), "{len} bytes: {outcome:?}");
        assert!(kept.shares() == shares, "{len} bytes: other shares than before");
        let found = kept.verified().await;
        assert!(found.is_healthy() && found.shares == after.shares, "{len} bytes");
        for disk in kept.grid.servers.iter().map(|server| server.disk.lock().unwrap()) {
            let names = disk.shares.keys().filter(|(of, _)| *of == kept.si);
            assert!(names.into_iter().all(|name| disk.leases.contains_key(name)));
        }
        for index in left {
            kept.grid.kill(index);
        }
        assert_eq!(kept.grid.read(&kept.cap).await.unwrap(), kept.bytes, "{len} bytes");
    }
}

#[actix::test]
async fn what_is_healthy_is_let_alone_and_not_read_to_be_counted() {
    let kept = Kept::new(100_000).await;
    let counted = kept.grid.client.check_and_repair(&kept.verify, false, false).await.unwrap();
    assert!(counted.outcome.is_none() && !counted.after.verified && counted.after.is_healthy());
    let opened = || kept.grid.servers.iter().map(|s| s.disk.lock().unwrap().opened).sum::<usize>();
    assert_eq!(opened(), 0);
    let read = kept.repaired().await;
    assert!(read.outcome.is_none() && read.after.verified && read.after == read.before);
}

#[actix::test]
async fn a_damaged_share_gets_a_successor_and_stays_until_its_server_moves_it() {
    for len in [1_000, 400_000] {
        let kept = Kept::new(len).await;
        let good = kept.shares();
        kept.grid.corrupt(3, kept.si, |share| *share.last_mut().unwrap() ^= 1);
        let bad = kept.shares();
        let Repaired { before, after, outcome } = kept.repaired().await;
        assert_eq!((before.good(), after.good(), after.happiness), (9, 10, 10), "{outcome:?}");
        assert_eq!(kept.shares(), bad, "nothing was taken away");
        let (num, bytes) = kept.shares_at(kept.beside()).pop_first().unwrap();
        assert_eq!(bytes, good[&num]);
        let again = kept.verified().await;
        assert!(again.is_healthy() && again.corrupt().count() == 1);
        assert!(kept.repaired().await.outcome.is_none());
    }
}

#[actix::test]
async fn shares_that_nobody_read_count_for_nothing() {
    // Shares of small files are sent whole, and compared by the server.
    let kept = Kept::new(400_000).await;
    let shares = kept.shares();
    kept.grid.set(0, Mode::DeafTo("OpenBucket")).set(1, Mode::LiesAboutList);
    let Repaired { before, after, outcome } = kept.repaired().await;
    assert_eq!((before.good(), after.good()), (9, 10), "{outcome:?}");
    let deaf = kept.grid.servers[0].id;
    let told = after.shares.values().all(|ids| ids.iter().any(|id| *id != deaf));
    assert!(told, "{:?}", after.shares);
    kept.grid.kill(0).revive(1);
    assert!(kept.verified().await.is_healthy());
    assert_eq!(kept.shares(), shares);
}

#[actix::test]
async fn too_few_shares_are_said_exactly() {
    let kept = Kept::new(100_000).await;
    kept.lose(|index| index > 2);
    kept.grid.corrupt(0, kept.si, |share| share[100] ^= 1);
    let before = kept.shares();
    let Repaired { before: found, after, outcome } = kept.repaired().await;
    let text = "2 of 10 shares are left and 3 are needed, so 1 more must come back before the others \
                can be made again; 1 damaged";
    assert_eq!(outcome.unwrap().unwrap_err().to_string(), text);
    assert_eq!((found.good(), after.good()), (2, 2));
    assert_eq!(kept.shares(), before);
    kept.grid.kill(2);
    let error = kept.repaired().await.outcome.unwrap().unwrap_err();
    assert!(
        error.to_string().ends_with("1 server(s) that may have more did not answer"),
        "{error}"
    );
}

#[actix::test]
async fn full_and_read_only_servers_get_nothing_and_the_rest_is_said() {
    for len in [1_000, 400_000] {
        let kept = Kept::new(len).await;
        kept.lose(|index| index < 4);
        for (index, server) in kept.grid.servers.iter().enumerate() {
            let mut disk = server.disk.lock().unwrap();
            (disk.read_only, disk.room) = (index % 2 == 0, Some(100));
        }
        let Repaired { after, outcome, .. } = kept.repaired().await;
        let Some(Err(Unrepaired::Homeless { stored, expected, servers, .. })) = &outcome else {
            panic!("{outcome:?}")
        };
        assert_eq!((*stored, *expected, *servers, after.good()), (6, 10, 6, 6));
        let text = outcome.unwrap().unwrap_err().to_string();
        assert!(text.contains("4 more wanted") && text.contains("10 full or read-only"), "{text}");
        // One with room takes what has no other place.
        kept.grid.servers[9].disk.lock().unwrap().room = None;
        let Repaired { after, outcome, .. } = kept.repaired().await;
        assert!(matches!(outcome, Some(Ok(()))), "{outcome:?}");
        assert_eq!((after.good(), after.happiness), (10, 6));
    }
}

#[actix::test]
async fn servers_that_fail_in_the_middle_cost_their_share_only() {
    for mode in [Mode::DieAfter(6), Mode::HangAfter(6)] {
        let kept = Kept::of(grid_of(14, EncodingParams::default()), data(5, 9_500_000)).await;
        let (holding, shares) = (kept.grid.shares(kept.si), kept.shares());
        let keepers: Vec<usize> = holding.iter().map(|(index, _)| *index).take(4).collect();
        kept.lose(|index| !keepers.contains(&index));
        let ring = (0..14).filter(|index| !keepers.contains(index));
        for index in ring.take(2) {
            kept.grid.set(index, mode);
        }
        let Repaired { before, after, outcome } = kept.repaired().await;
        assert_eq!((before.good(), after.good()), (4, 10), "{mode:?}: {outcome:?}");
        assert_eq!(kept.shares(), shares, "{mode:?}");
    }
}

#[actix::test]
async fn who_repairs_at_once_does_it_once() {
    let kept = Kept::new(2_500_000).await;
    let shares = kept.shares();
    kept.lose(|index| index < 5);
    let other = tahoe_testing::client(&kept.grid.pool, kept.grid.client.params());
    let (one, two) = no_hang("two repairs", async {
        let second = other.with_timeouts(impatient());
        let second = second.check_and_repair(&kept.verify, true, false).await;
        tokio::join!(kept.repaired(), async { second.unwrap() })
    })
    .await;
    assert!(one.after.is_healthy() && two.after.good() >= 5);
    assert_eq!(kept.shares(), shares);
    assert!(kept.verified().await.is_healthy());
}

#[actix::test]
async fn the_originals_shares_are_made_again() {
    let path = format!("{}/tests/vectors/chk.json", env!("CARGO_MANIFEST_DIR"));
    let file: serde_json::Value =
        serde_json::from_str(&std::fs::read_to_string(path).unwrap()).unwrap();
    let mut repaired = 0;
    for case in file["vectors"].as_array().unwrap() {
        let (k, n) = (case["k"].as_u64().unwrap(), case["n"].as_u64().unwrap());
        let Some(known) = case["shares_base64"].as_object() else { continue };
        let wanted: Vec<_> = case["share_sha256"].as_array().into_iter().flatten().collect();
        if (known.len() as u64) < k || known.len() as u64 == n || wanted.is_empty() {
            continue;
        }
        let cap = Cap::parse(case["verify_cap"].as_str().unwrap()).unwrap();
        let si = cap.storage_index().unwrap();
        let grid = grid_of(4, EncodingParams::new(1, 1, 1).unwrap());
        for (num, share) in known {
            let bytes = data_encoding::BASE64.decode(share.as_str().unwrap().as_bytes()).unwrap();
            let name = (si, ShareNum(num.parse().unwrap()));
            grid.servers[0].disk.lock().unwrap().shares.insert(name, bytes.into());
        }
        let outcome = grid.client.check_and_repair(&cap, true, false).await.unwrap();
        assert!(outcome.after.is_healthy(), "{}: {:?}", case["label"], outcome.outcome);
        for server in &grid.servers {
            for ((_, num), bytes) in &server.disk.lock().unwrap().shares {
                let digest = data_encoding::HEXLOWER.encode(&sha256(bytes));
                assert_eq!(digest, wanted[usize::from(num.0)].as_str().unwrap());
            }
        }
        repaired += 1;
    }
    assert!(repaired > 3, "{repaired} vectors have enough shares in them");
}

/// All shares of a file that was cut in another way than uploads here do.
fn encoded(plan: Plan, plaintext: &[u8]) -> (Cap, Vec<Vec<u8>>) {
    let key = FileKey::new([9; 16]);
    let mut encoder = Encoder::new(plan, key.clone());
    let mut shares = vec![Vec::new(); plan.geometry().params().total()];
    let mut rest = plaintext;
    while let Some(mut buffer) = encoder.buffer() {
        let (now, later) = rest.split_at(buffer.len());
        buffer.copy_from_slice(now);
        rest = later;
        let batch = encoder.encode(buffer).unwrap();
        shares.iter_mut().zip(&batch.shares).for_each(|(share, run)| share.extend(run.concat()));
    }
    let finished = encoder.finish().unwrap();
    for (share, num) in shares.iter_mut().zip(plan.geometry().params().shares()) {
        share.extend_from_slice(&finished.trailer(num).unwrap().concat());
    }
    let (params, size) = (plan.geometry().params(), plan.geometry().size());
    let facts = FileFacts { params, size, ueb_hash: finished.ueb_hash() };
    (ChkCap::new(key, facts).into(), shares)
}

#[actix::test]
async fn files_that_were_cut_otherwise_are_made_again_as_they_were() {
    let bytes = data(7, 700_001);
    for (segment, version) in [(4_096, Version::V1), (4_096, Version::V2), (1 << 17, Version::V2)] {
        let params = Params::new(4, 9).unwrap();
        let plan = Plan::custom(params, bytes.len() as u64, segment, version).unwrap();
        let (cap, shares) = encoded(plan, &bytes);
        let (grid, si) = (grid(9), cap.storage_index().unwrap());
        for num in [1, 4, 5, 8] {
            let share = shares[num].clone().into();
            let mut disk = grid.servers[num].disk.lock().unwrap();
            disk.shares.insert((si, ShareNum(num as u8)), share);
        }
        let verify = cap.verify_cap().unwrap();
        let repaired = grid.client.check_and_repair(&verify, true, false).await.unwrap();
        assert!(matches!(repaired.outcome, Some(Ok(()))), "{:?}", repaired.outcome);
        let stored = grid.shares(si);
        assert_eq!(stored.len(), 9);
        for (index, num) in stored {
            let disk = grid.servers[index].disk.lock().unwrap();
            assert!(disk.shares[&(si, num)] == shares[usize::from(num.0)], "{version:?} {num}");
        }
        assert_eq!(grid.read(&cap).await.unwrap(), bytes);
    }
}
