//! Floods of links on a storage node, by strangers who know its address and key and by members who
//! know its furl.

use super::Flooded;
use crate::hostile::{Rate, Rogue, Stranger, address, hello, words};
use std::time::{Duration, Instant};
use tahoe::base::limits::{BODY_MAX, BULK_MAX, PINGS_MAX, RECORD_PLAIN_MAX};
use tahoe::storage::api::{GetVersion, Storage};
use tahoe::tub::frame::Head;
use tahoe::tub::{Furl, Identity, Interface, Ref, Tub, TubOptions};
use tahoe_testing::rounds;

/// A friend that is new here gets a link and an answer in so long.
const FRIEND_TIME: Duration = Duration::from_secs(5);

#[actix_rt::test]
async fn floods_of_links_take_little_memory_and_no_friends_time() {
    let mut flooded = Flooded::new().await;
    let furl = flooded.storage.clone();
    flooded.under("pings", pings(&furl)).await;
    flooded.under("announced bulk", announced_bulk(&furl)).await;
    flooded.under("begun records", begun_records(&furl)).await;
    flooded.under("unasked answers", unasked_answers(&furl)).await;
    flooded.under("idle links", idle_links(&furl)).await;
    flooded.under("slow sockets", slow_sockets(&furl)).await;
}

/// A link whose peer has named the storage server.
async fn member(furl: &Furl) -> Option<Rogue> {
    let to = (address(furl), furl.tub());
    let mut rogue = Rogue::try_dial(&Identity::random(), to, &hello(1, 1)).await?;
    let known = rogue.ask(words::object(furl), (Storage::id(), u16::MAX), (&[], &[])).await?;
    assert_eq!(known.error, None);
    Some(rogue)
}

/// As long as a friend waits for its first answer, on a link of its own.
async fn new_friend(furl: &Furl) -> Duration {
    let (friend, began) = (Tub::new(Identity::random(), TubOptions::default()), Instant::now());
    let storage: Ref<Storage> = friend.get(furl).await.unwrap();
    storage.call(GetVersion {}).await.unwrap();
    let taken = began.elapsed();
    assert!(taken <= FRIEND_TIME, "a friend waited for {taken:?}");
    taken
}

/// Pings whose answers nobody reads, on one link after the other.
async fn pings(furl: &Furl) -> (String, ()) {
    let (links, bytes) = (rounds(8, 32), rounds(1 << 20, 10 << 20) as usize);
    let mut taken = 0;
    for _ in 0..links {
        let mut rogue = member(furl).await.unwrap();
        let flood = rogue.flood(&words::bare(&Head::Ping), bytes, Rate::Full).await;
        taken += flood.taken;
        assert!(rogue.is_cut_off().await);
        assert!(rogue.heard.pongs <= u64::from(PINGS_MAX));
    }
    (format!("{links} links that send {bytes} bytes of them, {taken} bytes taken"), ())
}

/// Links on which bulk is announced that never comes.
async fn announced_bulk(furl: &Furl) -> (String, Vec<Rogue>) {
    let mut held = Vec::new();
    for id in 0..rounds(175, 1_000) as u32 {
        let Some(mut rogue) = member(furl).await else { break };
        let call = words::call(100 + id, words::object(furl), (Storage::id(), 0));
        assert!(rogue.say(&words::announced(&call, &[], BULK_MAX as u32)).await);
        held.push(rogue);
    }
    assert!(held.len() as u64 >= rounds(175, 1_000) / 2, "only {} were there", held.len());
    let waited = new_friend(furl).await;
    (format!("2 MiB on each of {} links, a friend waits {waited:.0?}", held.len()), held)
}

/// Links on which the longest record is begun and never ended.
async fn begun_records(furl: &Furl) -> (String, Vec<Rogue>) {
    let mut held = Vec::new();
    for id in 0..rounds(175, 1_000) as u32 {
        let Some(mut rogue) = member(furl).await else { break };
        let call = words::call(100 + id, words::object(furl), (Storage::id(), 0));
        let record = rogue.sealed(&[RECORD_PLAIN_MAX], &words::frame(&call, &[], &[7; BODY_MAX]));
        let begun = record.as_slice().get(..BODY_MAX - 1_000).unwrap();
        // Where memory ends, those before it are let go.
        rogue.say_unsealed(begun).await;
        held.push(rogue);
    }
    assert!(held.len() as u64 >= rounds(175, 1_000) / 2, "only {} were there", held.len());
    let waited = new_friend(furl).await;
    (format!("64 kB on each of {} links, a friend waits {waited:.0?}", held.len()), held)
}

/// Links that bring answers to questions which nobody asked.
async fn unasked_answers(furl: &Furl) -> (String, ()) {
    let (links, bulk) = (rounds(40, 400), vec![7; BULK_MAX]);
    let mut cut_off = 0;
    for _ in 0..links {
        let mut rogue = member(furl).await.unwrap();
        rogue.say(&words::frame(&words::answer(1), &[], &bulk)).await;
        cut_off += u64::from(rogue.is_cut_off().await);
    }
    assert_eq!(cut_off, links);
    (format!("2 MiB on each of {links} links, all cut off"), ())
}

/// Links on which nothing is ever said.
async fn idle_links(furl: &Furl) -> (String, Vec<Rogue>) {
    let mut held = Vec::new();
    for _ in 0..rounds(300, 3_000) {
        let to = (address(furl), furl.tub());
        held.extend(Rogue::try_dial(&Identity::random(), to, &hello(1, 1)).await);
    }
    assert!(held.len() as u64 >= rounds(300, 3_000) / 2, "only {} were there", held.len());
    let waited = new_friend(furl).await;
    (format!("{} of them, a friend waits {waited:.0?}", held.len()), held)
}

/// Sockets that say nothing, part of what an initiator says, or all of it and no more.
async fn slow_sockets(furl: &Furl) -> (String, Vec<Stranger>) {
    let mut held = Vec::new();
    for number in 0..rounds(600, 2_000) {
        let Some(mut stranger) = Stranger::try_connect(address(furl)).await else { continue };
        match number % 3 {
            0 => {}
            1 => drop(stranger.say(b"PBN1\x01\x01\0\0").await),
            _ => drop(stranger.half_handshake(furl.tub()).await),
        }
        held.push(stranger);
    }
    assert!(held.len() as u64 >= rounds(600, 2_000) / 2, "only {} were there", held.len());
    let waited = new_friend(furl).await;
    (format!("{} of them, a friend waits {waited:.0?}", held.len()), held)
}
