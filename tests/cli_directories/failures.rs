//! One thing that fails is not the failure of the rest: it is named, the rest is done, and the exit code
//! is 1.

use crate::nodes::failed;
use crate::run::{folder, names};
use crate::web_stub::Gateway;
use std::fs;
use tahoe::base::seeded::bytes;

/// The address of a child, as requests about it contain it.
fn address(gateway: &Gateway, directory: &str, name: &str) -> String {
    let caps = gateway.done(&["ls", "--readonly-uri", directory]);
    let line = caps.lines().find(|line| line.starts_with(name)).unwrap();
    format!("GET /uri/{}", line.split_whitespace().last().unwrap().replace(':', "%3A"))
}

/// Lines that name what is left out.
fn named(said: &str) -> usize {
    said.lines().filter(|line| line.starts_with("tahoe: left out")).count()
}

#[test]
fn names_that_are_too_long_here_are_left_out_and_the_rest_is_copied() {
    let gateway = Gateway::start();
    let mut world = gateway.world();
    let file = world.new_file("x");
    let (long, longest) = ("n".repeat(256), "m".repeat(255));
    for number in 0..300 {
        world.link("URI:DIR:0", &format!("{number:03}"), &file);
    }
    // Some in the middle of the others.
    for name in [&longest, &long, &format!("1{long}")] {
        world.link("URI:DIR:0", name, &file);
    }
    let folder = world.new_directory();
    world.link(&folder, "in it", &file);
    world.link("URI:DIR:0", &format!("0{long}"), &folder);
    drop(world);
    let said = gateway.failed(&["cp", "-r", "global:", "back"]);
    assert!(said.contains("3 things were left out") && named(&said) == 3, "{said}");
    assert!(said.contains("name too long"), "{said}");
    assert_eq!(names(&gateway.root.path().join("back")).len(), 301);
    assert!(gateway.leftovers().is_empty());
}

#[test]
fn names_that_differ_in_case_are_both_copied_or_one_is_named() {
    let gateway = Gateway::start();
    let mut world = gateway.world();
    for name in ["Readme", "README"] {
        let file = world.new_file(name);
        world.link("URI:DIR:0", name, &file);
    }
    drop(world);
    let output = gateway.run(&["cp", "-r", "global:", "back"]).output().unwrap();
    let told_apart = !gateway.root.path().join("node/ROLE").exists();
    assert_eq!(output.status.success(), told_apart, "{output:?}");
    assert_eq!(gateway.read("back/README"), b"README");
    if told_apart {
        assert_eq!(gateway.read("back/Readme"), b"Readme");
    }
}

#[test]
fn what_stands_in_the_way_here_costs_only_what_would_be_there() {
    let gateway = Gateway::start();
    folder(&gateway);
    gateway.done(&["cp", "-r", "src", "global:"]);
    gateway.write("back/src/sub", "a file");
    fs::create_dir_all(gateway.root.path().join("back/src/one/two")).unwrap();
    for _ in 0..2 {
        let said = gateway.failed(&["cp", "-r", "global:src", "back"]);
        assert!(said.contains("left out src/sub: "), "{said}");
        assert!(said.contains("left out src/one: "), "{said}");
        assert!(said.contains("2 things were left out"), "{said}");
    }
    assert_eq!(gateway.read("back/src/two"), bytes(70_000, 70_000));
    assert_eq!(gateway.read("back/src/sub"), b"a file");
}

#[test]
fn what_cannot_be_fetched_is_named_a_hundred_times_and_then_counted() {
    let gateway = Gateway::start();
    let mut world = gateway.world();
    for number in 0..103 {
        let cap = world.new_directory();
        world.link("URI:DIR:0", &format!("d{number}"), &cap);
    }
    let lost = "GET /uri/URI%3ADIR-RO%3A".to_owned();
    world.refuse.push((lost, 410, "UnrecoverableFileError: gone.".to_owned()));
    let file = world.new_file("x");
    world.link("URI:DIR:0", "z", &file);
    drop(world);
    let said = gateway.failed(&["cp", "-r", "global:", "back"]);
    assert!(said.contains("left out d0: gone."), "{said}");
    assert!(named(&said) == 100 && said.contains("they are counted"), "{said}");
    assert!(said.contains("103 things were left out"), "{said}");
    assert_eq!(names(&gateway.root.path().join("back")), ["z"]);
}

#[test]
fn what_a_gateway_cannot_do_now_is_asked_for_again() {
    let gateway = Gateway::start();
    folder(&gateway);
    let busy = |part: &str, status, times| {
        gateway.world().busy = vec![(part.to_owned(), status, times)];
    };
    busy("PUT /uri", 503, 3);
    gateway.done(&["cp", "-r", "src", "global:"]);
    busy("mkdir-with-children", 503, 1);
    gateway.done(&["cp", "-r", "src", "global:again"]);
    busy("set_children", 503, 1);
    gateway.done(&["cp", "-r", "src", "global:again"]);
    let (list, file) =
        (address(&gateway, "global:src", "sub"), address(&gateway, "global:src", "one"));
    busy(&list, 503, 2);
    gateway.done(&["cp", "-r", "global:src", "back"]);
    busy(&file, 503, 2);
    gateway.done(&["cp", "-r", "global:src", "back"]);
    assert_eq!(gateway.read("back/src/one"), gateway.read("src/one"));
    // What is gone is not there a second later.
    busy(&file, 410, 1);
    let said = gateway.failed(&["cp", "-r", "global:src", "third"]);
    assert!(said.contains("left out one: Ask again."), "{said}");
    busy("PUT /uri", 503, 1);
    assert!(gateway.done(&["backup", "src", "private:b"]).contains("4 files stored"));
}

#[test]
fn a_file_that_is_not_stored_is_left_out_of_copies_and_snapshots() {
    let gateway = Gateway::start();
    folder(&gateway);
    // Longer than it is patient.
    gateway.world().busy = vec![("PUT /uri".into(), 503, 5)];
    fs::remove_file(gateway.root.path().join("src/two")).unwrap();
    fs::remove_dir_all(gateway.root.path().join("src/sub")).unwrap();
    let said = gateway.failed(&["cp", "-r", "src", "global:"]);
    assert!(said.contains("Not one of the files could be stored"), "{said}");
    assert_eq!(gateway.done(&["ls", "global:"]), "");

    let gateway = Gateway::start();
    folder(&gateway);
    gateway.world().unwanted = bytes(10, 10);
    let said = gateway.failed(&["cp", "-r", "src", "global:"]);
    assert!(said.contains("left out src/one: Too large.") && named(&said) == 1, "{said}");
    assert_eq!(gateway.done(&["ls", "global:src"]), "empty\nsub\ntwo\n");
    let said = gateway.failed(&["backup", "src", "private:b"]);
    assert!(said.contains("left out one: Too large.") && named(&said) == 1, "{said}");
    assert_eq!(gateway.done(&["ls", "private:b/Latest"]), "empty\nsub\ntwo\n");
}

#[test]
fn a_directory_that_cannot_be_made_is_left_out_of_a_snapshot() {
    let gateway = Gateway::start();
    folder(&gateway);
    // The deepest comes first, alone, and is asked for five times.
    gateway.world().busy = vec![("mkdir-immutable".into(), 503, 5)];
    let said = gateway.failed(&["backup", "src", "private:b"]);
    assert!(said.contains("left out sub/deep: Ask again."), "{said}");
    assert!(said.contains("1 thing is not in it"), "{said}");
    assert_eq!(gateway.done(&["ls", "private:b/Latest"]), "empty\none\nsub\ntwo\n");
    assert_eq!(gateway.done(&["ls", "private:b/Latest/sub"]), "three\n");
}

#[test]
fn a_gateway_that_says_nothing_else_ends_the_command() {
    let gateway = Gateway::start();
    let mut world = gateway.world();
    let file = world.new_file("x");
    for number in 0..1_000 {
        world.link("URI:DIR:0", &number.to_string(), &file);
    }
    drop(world);
    gateway.refuse("GET /uri/URI%3ACHK", 503, "No server is connected.");
    gateway.asked("");
    let (code, said) = failed(&mut gateway.run(&["cp", "-r", "global:", "back"]));
    assert!(code == 1 && said.contains("No server is connected."), "{said}");
    let asked = gateway.asked("GET /uri/URI%3ACHK");
    assert!(asked < 200, "{asked} requests");
    assert!(said.lines().count() < 100, "{said}");
}
