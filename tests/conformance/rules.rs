//! The rules. Each begins with an empty store.

use super::places::{Keeper, Place};
use tahoe::base::file::proven_index;
use tahoe::base::hash::{Hash, blake2b};
use tahoe::base::{ShareNum, StorageIndex};
use tahoe::storage::{Facet, ShareUpload, StoreError, read_into};
use tahoe_testing::store::{data, file, request, secrets, si};

/// What was seen, where a rule does not hold.
type Held = Result<(), &'static str>;

pub type Rule = fn(&dyn Place) -> Held;

pub const RULES: &[(&str, Rule)] = &[
    ("bytes come in any order and are read back", bytes_in_any_order),
    ("ranges are cut where the share ends", ranges_are_cut),
    ("a share is seen whole or not at all", whole_or_absent),
    ("wrong writes void an upload", wrong_writes),
    ("who writes a share keeps others out", one_writer),
    ("what is there is not written again", nothing_twice),
    ("a proven share needs its proof", proven),
    ("what is kept stays while more comes", nothing_is_forgotten),
    ("what an upload was promised is given back", room_is_given_back),
    ("both secrets lead to their lease", secrets_lead_to_leases),
    ("a lease lies on every share or on none", leases_lie_on_all),
    ("a share goes with its last lease", cancelled),
    ("what was closed survives a power cut", closed_survives),
    ("leases survive a power cut", leases_survive),
    ("what was cancelled stays gone", cancelled_stays_gone),
];

fn hold(what: bool, else_seen: &'static str) -> Held {
    if what { Ok(()) } else { Err(else_seen) }
}

/// The digests of both secrets of a lease.
fn digests(lease: u8) -> (Hash, Hash) {
    let secrets = secrets(lease);
    (blake2b(secrets.renew.reveal()), blake2b(secrets.cancel.reveal()))
}

fn begin(store: &Keeper, n: u8, num: u8, size: u64) -> Result<Box<dyn ShareUpload>, &'static str> {
    let granted = store.clone().allocate(&request(si(n), &[num], size, n), None);
    let granted = granted.map_err(|_| "an allocation failed")?;
    granted.uploads.into_iter().next().map(|(_, upload)| upload).ok_or("no upload was opened")
}

/// Share `num` of the bucket `n`, with the lease `n`.
fn store_one(store: &Keeper, n: u8, num: u8) -> Held {
    let bytes = data(n ^ num, 3_000);
    let mut upload = begin(store, n, num, 3_000)?;
    upload.write(0, &bytes).map_err(|_| "a write failed")?;
    upload.close().map_err(|_| "a close failed")
}

fn bytes_of(store: &Keeper, place: &StorageIndex, num: u8) -> Option<Vec<u8>> {
    let shares = store.clone().open_bucket(place).ok()?;
    let share = shares.iter().find(|share| share.num() == ShareNum(num))?;
    read_into(&**share, &[(0, u32::MAX)], |len| vec![0; len]).ok()
}

fn is_there(store: &Keeper, n: u8, num: u8) -> bool {
    bytes_of(store, &si(n), num) == Some(data(n ^ num, 3_000))
}

fn numbers(store: &Keeper, n: u8) -> Vec<u8> {
    store.list(&si(n)).unwrap_or_default().iter().map(|num| num.0).collect()
}

fn bytes_in_any_order(place: &dyn Place) -> Held {
    let store = place.fresh().store;
    let bytes = data(9, 200_000);
    for (n, step) in [(1, 200_000), (2, 65_536), (3, 7_001)] {
        let mut upload = begin(&store, n, 0, 200_000)?;
        hold(upload.size() == 200_000, "an upload has another size")?;
        let pieces: Vec<_> = bytes.chunks(step).zip((0..).step_by(step)).collect();
        for (piece, at) in pieces.into_iter().rev() {
            let now = upload.write_now(at, piece);
            now.unwrap_or_else(|| upload.write(at, piece)).map_err(|_| "a write failed")?;
        }
        upload.close().map_err(|_| "a close failed")?;
        hold(bytes_of(&store, &si(n), 0).as_ref() == Some(&bytes), "other bytes came back")?;
    }
    begin(&store, 4, 7, 0)?.close().map_err(|_| "an empty share was refused")?;
    hold(bytes_of(&store, &si(4), 7) == Some(vec![]), "an empty share is not there")
}

fn ranges_are_cut(place: &dyn Place) -> Held {
    let store = place.fresh().store;
    store_one(&store, 1, 0)?;
    let shares = store.open_bucket(&si(1)).map_err(|_| "a bucket did not open")?;
    let share = shares.first().ok_or("no share")?;
    let ranges = [(2_990, 100), (0, 5), (3_000, 1), (u64::MAX, 9)];
    let read = read_into(&**share, &ranges, |len| vec![0; len]).map_err(|_| "a read failed")?;
    let bytes = data(1, 3_000);
    hold(read == [&bytes[2_990..], &bytes[..5]].concat(), "other bytes came back")
}

fn whole_or_absent(place: &dyn Place) -> Held {
    let store = place.fresh().store;
    let mut upload = begin(&store, 1, 0, 3_000)?;
    upload.write(0, &data(1, 3_000)[..2_999]).map_err(|_| "a write failed")?;
    hold(numbers(&store, 1).is_empty(), "a share is listed while it is written")?;
    let refused = upload.close();
    hold(matches!(refused, Err(StoreError::Incomplete)), "half a share was closed")?;
    hold(bytes_of(&store, &si(1), 0).is_none(), "half a share is there")?;
    drop(begin(&store, 1, 0, 3_000)?);
    hold(numbers(&store, 1).is_empty(), "an upload that was dropped left something")
}

fn wrong_writes(place: &dyn Place) -> Held {
    let store = place.fresh().store;
    for (at, len) in [(0, 11), (10, 1), (u64::MAX, 1)] {
        let mut upload = begin(&store, 1, 0, 10)?;
        let refused = upload.write(at, &vec![0; len]);
        hold(matches!(refused, Err(StoreError::OutOfRange)), "a write past the end was taken")?;
        hold(upload.write(0, &[0; 10]).is_err(), "an upload went on after an error")?;
        hold(upload.close().is_err(), "an upload was closed after an error")?;
    }
    let mut upload = begin(&store, 1, 0, 10)?;
    upload.write(2, b"same").map_err(|_| "a write failed")?;
    upload.write(2, b"same").map_err(|_| "the same bytes again were refused")?;
    let refused = upload.write(5, b"Enough");
    hold(
        matches!(refused, Err(StoreError::OutOfRange | StoreError::Conflict)),
        "other bytes again",
    )?;
    hold(upload.close().is_err(), "an upload was closed after an error")?;
    hold(numbers(&store, 1).is_empty(), "a void upload left something")
}

fn one_writer(place: &dyn Place) -> Held {
    let store = place.fresh().store;
    let upload = begin(&store, 1, 0, 3_000)?;
    let ask = request(si(1), &[0, 1], 3_000, 2);
    let granted = store.clone().allocate(&ask, None).map_err(|_| "an allocation failed")?;
    hold(granted.in_progress == [ShareNum(0)], "a second writer was let in")?;
    hold(granted.uploads.len() == 1, "the share beside it was refused")?;
    let put = store.clone().put(&request(si(1), &[0], 3_000, 2), None, &data(1, 3_000));
    let put = put.map_err(|_| "a put failed")?;
    hold(put.in_progress == [ShareNum(0)] && put.already.is_empty(), "a put was let in")?;
    drop(upload);
    begin(&store, 1, 0, 3_000).map(drop).map_err(|_| "a dropped upload keeps others out")
}

fn nothing_twice(place: &dyn Place) -> Held {
    let store = place.fresh().store;
    store_one(&store, 1, 0)?;
    let ask = request(si(1), &[0], 3_000, 2);
    let granted = store.clone().allocate(&ask, None).map_err(|_| "an allocation failed")?;
    hold(granted.already == [ShareNum(0)], "a share that is there is not told of")?;
    hold(granted.uploads.is_empty(), "a share that is there is to be written again")?;
    hold(store.lease_expires(&si(1), &digests(2).0).is_ok(), "it got no lease")?;
    let put = |bytes: &[u8]| store.clone().put(&request(si(1), &[0], 3_000, 3), None, bytes);
    let same = put(&data(1, 3_000)).map_err(|_| "a put failed")?;
    hold(same.already == [ShareNum(0)], "the same share again is refused")?;
    let other = put(&data(2, 3_000)).map_err(|_| "a put failed")?;
    hold(other.already.is_empty(), "other bytes are said to be there")?;
    hold(is_there(&store, 1, 0), "other bytes took the place of a share")
}

fn proven(place: &dyn Place) -> Held {
    let store = place.fresh().store;
    let (shares, hash) = file(1, 500);
    let share = shares.first().ok_or("no share")?;
    let to = proven_index(&si(1), &hash);
    let ask = request(to, &[0], share.len() as u64, 1);
    let mut flipped = share.clone();
    flipped[100] ^= 1;
    let refused = store.clone().put(&ask, Some(hash), &flipped);
    hold(matches!(refused, Err(StoreError::Unproven)), "a share without its proof was put")?;
    let granted = store.clone().allocate(&ask, Some(hash)).map_err(|_| "an allocation failed")?;
    let (_, mut upload) = granted.uploads.into_iter().next().ok_or("no upload was opened")?;
    upload.write(0, &flipped).map_err(|_| "a write failed")?;
    hold(matches!(upload.close(), Err(StoreError::Unproven)), "and closed")?;
    hold(store.list(&to).is_ok_and(|all| all.is_empty()), "it is there")?;
    let put = store.clone().put(&ask, Some(hash), share).map_err(|_| "a put failed")?;
    hold(put.already == [ShareNum(0)], "a proven share was refused")?;
    hold(bytes_of(&store, &to, 0).as_ref() == Some(share), "it is not there")
}

fn nothing_is_forgotten(place: &dyn Place) -> Held {
    let store = place.fresh().store;
    let all: Vec<(u8, u8)> = (1..=12).flat_map(|n| [(n, 0), (n, 200)]).collect();
    for (n, num) in all.iter().copied() {
        store_one(&store, n, num)?;
    }
    hold(all.iter().all(|(n, num)| is_there(&store, *n, *num)), "a share is gone")?;
    hold((1..=12).all(|n| numbers(&store, n) == [0, 200]), "a list is not what is there")
}

fn room_is_given_back(place: &dyn Place) -> Held {
    let store = place.fresh().store;
    let upload = begin(&store, 1, 0, 100_000)?;
    hold(store.space().allocated >= 100_000, "an upload is promised nothing")?;
    drop(upload);
    hold(store.space().allocated == 0, "what it was promised is kept")
}

fn secrets_lead_to_leases(place: &dyn Place) -> Held {
    let store = place.fresh().store;
    store_one(&store, 1, 0)?;
    hold(store.add_lease(&si(1), &secrets(2)).is_ok_and(|count| count == 1), "no lease was added")?;
    for lease in [1, 2] {
        let (renew, cancel) = digests(lease);
        hold(
            store.find_lease(&renew) == Some((Facet::Renew, si(1))),
            "a renew secret leads nowhere",
        )?;
        hold(store.find_lease(&cancel) == Some((Facet::Cancel, si(1))), "a cancel secret does")?;
        let end = store.renew(&si(1), &renew).map_err(|_| "a lease is not renewed")?;
        hold(end > store.date(), "a lease is renewed that has ended")?;
        hold(store.lease_expires(&si(1), &renew).is_ok_and(|told| told == end), "ends differ")?;
        hold(store.renew(&si(1), &cancel).is_err(), "a cancel secret renews")?;
        hold(store.cancel(&si(1), &renew).is_err(), "a renew secret cancels")?;
    }
    hold(store.find_lease(&digests(3).0).is_none(), "a secret of nobody leads somewhere")?;
    hold(store.renew(&si(2), &digests(1).0).is_err(), "a secret counts elsewhere")
}

fn leases_lie_on_all(place: &dyn Place) -> Held {
    let store = place.fresh().store;
    (0..4).try_for_each(|num| store_one(&store, 1, num))?;
    hold(
        store.add_lease(&si(1), &secrets(2)).is_ok_and(|count| count == 4),
        "others were counted",
    )?;
    hold(store.cancel(&si(1), &digests(1).1).is_ok_and(|count| count == 4), "a lease was torn")?;
    hold(numbers(&store, 1) == [0, 1, 2, 3], "a share with a lease is gone")?;
    hold(store.cancel(&si(1), &digests(2).1).is_ok_and(|count| count == 4), "a lease was torn")
}

fn cancelled(place: &dyn Place) -> Held {
    let store = place.fresh().store;
    (0..2).try_for_each(|num| store_one(&store, 1, num))?;
    store.cancel(&si(1), &digests(1).1).map_err(|_| "a lease is not cancelled")?;
    hold(numbers(&store, 1).is_empty(), "a share without leases is there")?;
    hold(store.cancel(&si(1), &digests(1).1).is_err(), "a lease is cancelled twice")?;
    hold(store.find_lease(&digests(1).0).is_none(), "its secret leads somewhere")?;
    store_one(&store, 1, 0)?;
    hold(is_there(&store, 1, 0), "its place is not free")
}

fn closed_survives(place: &dyn Place) -> Held {
    let fresh = place.fresh();
    store_one(&fresh.store, 1, 0)?;
    let put = fresh.store.clone().put(&request(si(2), &[3], 3_000, 2), None, &data(2 ^ 3, 3_000));
    hold(put.is_ok_and(|put| put.already == [ShareNum(3)]), "a put failed")?;
    let mut open = begin(&fresh.store, 3, 0, 10)?;
    open.write(0, b"0123456789").map_err(|_| "a write failed")?;
    store_one(&fresh.store, 4, 0)?;
    drop(open);
    let store = fresh.after_power_cut();
    hold(is_there(&store, 1, 0) && is_there(&store, 2, 3) && is_there(&store, 4, 0), "gone")?;
    hold(numbers(&store, 3).is_empty(), "what was not closed is there")
}

fn leases_survive(place: &dyn Place) -> Held {
    let fresh = place.fresh();
    store_one(&fresh.store, 1, 0)?;
    fresh.store.add_lease(&si(1), &secrets(2)).map_err(|_| "no lease was added")?;
    let store = fresh.after_power_cut();
    for lease in [1, 2] {
        let (renew, cancel) = digests(lease);
        hold(store.find_lease(&renew) == Some((Facet::Renew, si(1))), "a lease is gone")?;
        hold(store.find_lease(&cancel) == Some((Facet::Cancel, si(1))), "half a lease is gone")?;
        hold(store.lease_expires(&si(1), &renew).is_ok(), "a lease is gone from its share")?;
    }
    Ok(())
}

fn cancelled_stays_gone(place: &dyn Place) -> Held {
    let fresh = place.fresh();
    store_one(&fresh.store, 1, 0)?;
    fresh.store.cancel(&si(1), &digests(1).1).map_err(|_| "a lease is not cancelled")?;
    let store = fresh.after_power_cut();
    hold(numbers(&store, 1).is_empty() && store.find_lease(&digests(1).0).is_none(), "it is back")
}
