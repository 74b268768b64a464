//! What every store of shares promises, as rules that a store is held to: the storage directory on a
//! real disk and on one in memory, and the store that tests of clients stand on. Stores that break a
//! promise each are caught by the rule for it.

mod places;
mod rules;
mod wrong;

use places::{InMemory, OfTests, OnDisk, Place};
use rules::RULES;
use wrong::{Fault, Wrong};

/// The rules that a store breaks, each with what was seen.
fn broken(place: &dyn Place) -> Vec<(&'static str, &'static str)> {
    let held = RULES.iter().map(|(name, rule)| (*name, rule(place)));
    held.filter_map(|(name, held)| Some((name, held.err()?))).collect()
}

#[test]
fn a_directory_keeps_the_promises_on_a_real_disk_and_on_one_in_memory() {
    assert_eq!(broken(&OnDisk::new()), []);
    assert_eq!(broken(&InMemory::new()), []);
}

#[test]
fn the_store_that_tests_stand_on_keeps_them_too() {
    assert_eq!(broken(&OfTests), []);
}

fn caught(fault: Fault) -> Vec<&'static str> {
    broken(&Wrong::new(fault)).into_iter().map(|(name, _)| name).collect()
}

#[test]
fn a_store_that_forgets_a_share_is_caught() {
    assert_eq!(caught(Fault::Forgets), ["what is kept stays while more comes"]);
}

#[test]
fn a_store_that_tears_a_lease_is_caught() {
    assert_eq!(caught(Fault::TearsLeases), ["a lease lies on every share or on none"]);
}

#[test]
fn a_store_that_loses_the_way_to_half_of_a_lease_is_caught() {
    let both = ["both secrets lead to their lease", "leases survive a power cut"];
    assert_eq!(caught(Fault::LosesCancelSecrets), both);
}

#[test]
fn a_store_that_answers_early_is_caught() {
    assert_eq!(caught(Fault::AnswersEarly), ["what was closed survives a power cut"]);
}
