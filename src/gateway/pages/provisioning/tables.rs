//! What a plan comes to, in figures that people say.

use super::super::plan::{Outcome, Plan};
use super::super::words;

/// Figures that belong together.
pub struct Table {
    pub title: &'static str,
    pub rows: Vec<(&'static str, String)>,
}

/// A chance as people say it.
pub fn chance(away: f64) -> String {
    match away {
        away if away <= 0.0 => "never away".to_owned(),
        away if away >= 0.01 => format!("away {:.1} % of the time", away * 100.0),
        away if away < 1e-15 => "away less than once in 10¹⁵".to_owned(),
        away => format!("away once in {}", words::grouped((1.0 / away) as u64)),
    }
}

/// Time a year for which a file is away.
fn a_year(away: f64) -> String {
    match away * 365.25 * 86_400.0 {
        seconds if seconds < 0.001 => "less than a millisecond".to_owned(),
        seconds if seconds < 1.0 => format!("{:.0} milliseconds", seconds * 1000.0),
        seconds => words::span(seconds as u64),
    }
}

fn amount(number: f64) -> String {
    words::amount(number.round(), "")
}

fn bytes(number: f64) -> String {
    words::amount(number.round(), "B")
}

/// So many a second, or a day where that is less than one.
fn rate(each_second: f64) -> String {
    match each_second {
        rate if rate >= 1.0 => format!("{} a second", amount(rate)),
        rate => format!("{} a day", amount(rate * 86_400.0)),
    }
}

/// The chance of a loss, as people say it.
fn risk(chance: f64) -> String {
    match chance {
        chance if chance < 1e-15 => "less than 1 in 10¹⁵".to_owned(),
        chance if chance >= 0.01 => format!("{:.1} %", chance * 100.0),
        chance => format!("1 in {}", words::grouped((1.0 / chance) as u64)),
    }
}

/// All that is worked out.
pub fn tables(plan: &Plan, outcome: &Outcome) -> Vec<Table> {
    vec![
        of_files(outcome),
        of_upkeep(plan),
        of_grid(outcome),
        of_servers(plan, outcome),
        of_users(plan),
    ]
}

fn of_files(outcome: &Outcome) -> Table {
    Table {
        title: "A file",
        rows: vec![
            ("Stored, of its size", format!("{:.2}×", outcome.expansion)),
            ("Hashes and leases of a share", bytes(outcome.share_overhead)),
            ("Shares that may be lost", outcome.spare.to_string()),
            ("With all shares placed", chance(outcome.away)),
            ("That is, a year", a_year(outcome.away)),
            ("With only “happy” placed", chance(outcome.away_at_worst)),
            (
                "All files of a user there",
                format!("{:.4} % of the time", outcome.all_there * 100.0),
            ),
        ],
    }
}

fn of_upkeep(plan: &Plan) -> Table {
    let upkeep = plan.upkeep();
    let lost = match upkeep.lost_per_year {
        lost if lost >= 1.0 => amount(lost),
        lost if lost > 0.0 => format!("1 in {} years", amount(1.0 / lost)),
        _ => "none".to_owned(),
    };
    Table {
        title: "Checking and repair",
        rows: vec![
            ("Checks in the grid", rate(upkeep.checks)),
            ("Lost before the next, when fresh", risk(upkeep.lost_fresh)),
            ("The same, just not repaired", risk(upkeep.lost_worn)),
            ("Files lost a year, at most", lost),
            ("If never repaired, after", format!("{:.1} years", plan.outcome().years_unattended)),
        ],
    }
}

fn of_grid(outcome: &Outcome) -> Table {
    Table {
        title: "The grid",
        rows: vec![
            ("Different files", amount(outcome.files)),
            ("Their size", bytes(outcome.plaintext)),
            ("Shares", amount(outcome.shares)),
            ("Their size", bytes(outcome.stored)),
            ("Drives", amount(outcome.drives)),
            ("Drives that fail, a year", format!("{:.1}", outcome.drive_failures_per_year)),
            ("Repaired, a year", bytes(outcome.repaired_bytes_per_year)),
            ("Cost of all drives", amount(outcome.cost)),
        ],
    }
}

fn of_servers(plan: &Plan, outcome: &Outcome) -> Table {
    let traffic = plan.traffic();
    Table {
        title: "A server",
        rows: vec![
            ("Shares", amount(outcome.shares_per_server)),
            ("Their size", bytes(outcome.stored_per_server)),
            ("Drives", format!("{:.1}", outcome.drives_per_server)),
            ("Takes", format!("{}/s", bytes(traffic.server_in))),
            ("Gives", format!("{}/s", bytes(traffic.server_out))),
            ("Shares that come or go", rate(traffic.server_shares)),
        ],
    }
}

fn of_users(plan: &Plan) -> Table {
    let (traffic, outcome) = (plan.traffic(), plan.outcome());
    Table {
        title: "Users",
        rows: vec![
            ("Uploads of all", rate(traffic.uploads)),
            ("Downloads of all", rate(traffic.downloads)),
            ("Deletions of all", rate(traffic.deletes)),
            ("Each sends", format!("{}/s", bytes(traffic.user_up))),
            ("Each gets", format!("{}/s", bytes(traffic.user_down))),
            ("Cost of drives, for each", format!("{:.2}", outcome.cost_per_user)),
        ],
    }
}
