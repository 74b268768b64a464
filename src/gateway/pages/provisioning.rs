//! `/provisioning`: a grid planned before it is built, after the tool of 0.6.

use super::super::answer::Failure;
use super::super::args::Arguments;
use super::info::shares;
use super::plan::{Outcome, Plan};
use super::{Frame, show, words};
use actix_web::HttpResponse;
use actix_web::http::StatusCode;
use askama::Template;

#[derive(Template)]
#[template(path = "provisioning.html")]
struct Provisioning {
    frame: Frame,
    groups: Vec<Group>,
    ready: Vec<Ready>,
    problems: Vec<String>,
    sentence: String,
    chart: Chart,
    tables: Vec<Table>,
}

/// Questions that stand together.
struct Group {
    legend: &'static str,
    /// How they stand: a class of the stylesheet.
    columns: &'static str,
    /// Their answers are whole numbers.
    whole: bool,
    inputs: Vec<Input>,
}

struct Input {
    label: &'static str,
    name: &'static str,
    value: f64,
    min: f64,
    max: f64,
}

/// Label, argument, the number of an ordinary grid, the least and the most.
type Question = (&'static str, &'static str, f64, f64, f64);

const THREE: &str = "three";
const TWO: &str = "three two";

const QUESTIONS: [(&str, &str, &[Question]); 5] = [
    (
        ENCODING,
        THREE,
        &[
            ("Needed", "k", 3.0, 1.0, 256.0),
            ("Happy", "happy", 7.0, 1.0, 256.0),
            ("Total", "n", 10.0, 1.0, 256.0),
        ],
    ),
    (
        "Servers and drives",
        TWO,
        &[
            ("Servers", "servers", 30.0, 1.0, 1e6),
            ("Each is up, in percent", "uptime", 99.0, 0.0, 100.0),
            ("Drive, in GB", "drive", 4_000.0, 1.0, 1e6),
            ("Drive fails after, in hours", "hours", 40_000.0, 1.0, 1e8),
            ("Drives in each, at least", "drives", 1.0, 1.0, 1e4),
            ("Cost of a drive", "cost", 100.0, 0.0, 1e9),
        ],
    ),
    (
        "Users",
        TWO,
        &[
            ("Users", "users", 50.0, 0.0, 1e9),
            ("Files of each", "files", 1_000.0, 0.0, 1e9),
            ("GB of each", "gigabytes", 20.0, 0.0, 1e6),
            ("Who have the same file", "sharing", 1.0, 1.0, 1e6),
        ],
    ),
    (
        "What a user does in a day",
        THREE,
        &[
            ("Uploads", "uploads", 10.0, 0.0, 1e9),
            ("Downloads", "downloads", 20.0, 0.0, 1e9),
            ("Deletions", "deletes", 5.0, 0.0, 1e9),
        ],
    ),
    (
        "Checking",
        TWO,
        &[
            ("Checked every, in days", "check", 30.0, 0.01, 1e5),
            ("Repaired below, in shares", "repair", 7.0, 1.0, 256.0),
        ],
    ),
];

const ENCODING: &str = "Encoding";

struct Ready {
    label: String,
    href: String,
}

struct Table {
    title: &'static str,
    rows: Vec<(&'static str, String)>,
}

struct Chart {
    n: u32,
    words: String,
    factor: String,
    grid: Vec<Rule>,
    bars: Vec<Bar>,
}

struct Rule {
    y: i32,
    label: String,
}

struct Bar {
    k: u32,
    x: String,
    y: String,
    width: String,
    height: String,
    middle: String,
    chosen: bool,
    labelled: bool,
    words: String,
}

/// A number that an argument gives, within its bounds.
fn number(arguments: &Arguments, name: &str, default: f64, min: f64, max: f64) -> f64 {
    let given = arguments.get(name).and_then(|text| text.trim().parse::<f64>().ok());
    given.filter(|number| number.is_finite()).unwrap_or(default).clamp(min, max)
}

/// All questions, answered by the arguments or as for an ordinary grid.
fn groups(arguments: &Arguments) -> Vec<Group> {
    let total = number(arguments, "n", 10.0, 1.0, 256.0);
    let needed = number(arguments, "k", 3.0, 1.0, 256.0);
    let input = |&(label, name, default, min, max): &Question| {
        // With fewer shares than an ordinary grid has, these two must be less, too.
        let default = match name {
            "happy" => total.min(default),
            "repair" => total.min(default).max(needed + 1.0),
            _ => default,
        };
        Input { label, name, value: number(arguments, name, default, min, max), min, max }
    };
    let group = |(legend, columns, questions): (&'static str, &'static str, &[Question])| Group {
        legend,
        columns,
        whole: legend == ENCODING,
        inputs: questions.iter().map(input).collect(),
    };
    QUESTIONS.into_iter().map(group).collect()
}

/// The page.
pub fn provisioning(arguments: &Arguments) -> Result<HttpResponse, Failure> {
    let groups = groups(arguments);
    let plan = plan(&groups);
    let (outcome, problems) = (plan.outcome(), plan.problems());
    let sentence = match plan.k <= plan.n {
        true => shares(plan.k as usize, plan.n as usize),
        false => "These numbers cannot work.".to_owned(),
    };
    let template = Provisioning {
        frame: Frame::new("Planning", "planning"),
        groups,
        ready: ready(&plan),
        problems,
        sentence,
        chart: chart(&plan),
        tables: tables(&plan, &outcome),
    };
    show(StatusCode::OK, &template)
}

fn plan(groups: &[Group]) -> Plan {
    let value = |name: &str| {
        let mut all = groups.iter().flat_map(|group| group.inputs.iter());
        all.find(|input| input.name == name).map_or(0.0, |input| input.value)
    };
    Plan {
        k: value("k") as u32,
        happy: value("happy") as u32,
        n: value("n") as u32,
        servers: value("servers"),
        uptime: value("uptime"),
        drive_bytes: value("drive") * 1e9,
        drive_hours: value("hours"),
        users: value("users"),
        files_per_user: value("files"),
        bytes_per_user: value("gigabytes") * 1e9,
        sharing: value("sharing").max(1.0),
        uploads: value("uploads"),
        downloads: value("downloads"),
        deletes: value("deletes"),
        check_days: value("check"),
        repair_below: value("repair") as u32,
        drives_per_server: value("drives"),
        drive_cost: value("cost"),
    }
}

/// Encodings that are often used.
fn ready(plan: &Plan) -> Vec<Ready> {
    let all = [(1, 2, 2), (3, 7, 10), (5, 8, 10), (8, 9, 10), (25, 70, 100)];
    let one = |(k, happy, n): (u32, u32, u32)| Ready {
        label: format!("{k} of {n}"),
        href: format!(
            "/provisioning?k={k}&happy={happy}&n={n}&servers={}&uptime={}&drive={}&hours={}&users={}\
             &files={}&gigabytes={}&sharing={}&uploads={}&downloads={}&deletes={}&check={}&drives={}\
             &cost={}",
            plan.servers,
            plan.uptime,
            plan.drive_bytes / 1e9,
            plan.drive_hours,
            plan.users,
            plan.files_per_user,
            plan.bytes_per_user / 1e9,
            plan.sharing,
            plan.uploads,
            plan.downloads,
            plan.deletes,
            plan.check_days,
            plan.drives_per_server,
            plan.drive_cost,
        ),
    };
    all.into_iter().map(one).collect()
}

const LEFT: f64 = 80.0;
const RIGHT: f64 = 624.0;
const TOP: f64 = 16.0;
const BOTTOM: f64 = 256.0;
/// Lines below the first.
const RULES: i32 = 4;

/// A bar for each number of needed shares, on a logarithmic scale.
fn chart(plan: &Plan) -> Chart {
    let all = plan.by_needed();
    let step = (RIGHT - LEFT) / all.len().max(1) as f64;
    let chosen = all.get(plan.k.saturating_sub(1) as usize).copied().unwrap_or(1.0);
    // Decades from one line to the next, so that the chosen bar stands well above the foot.
    let between = match -chosen.max(1e-30).log10() {
        depth if depth < 6.0 => 2,
        depth if depth < 10.0 => 3,
        depth if depth < 16.0 => 5,
        _ => 8,
    };
    let decades = f64::from(between * RULES);
    let decade = (BOTTOM - TOP) / decades;
    let every = all.len().div_ceil(12).max(1) as u32;
    let bar = |(index, away): (usize, &f64)| {
        let k = index as u32 + 1;
        let depth = if *away > 0.0 { (-away.log10()).clamp(0.0, decades) } else { decades };
        let y = (TOP + depth * decade).min(BOTTOM - 2.0);
        let x = LEFT + index as f64 * step;
        Bar {
            k,
            x: format!("{:.1}", x + step * 0.12),
            y: format!("{y:.1}"),
            width: format!("{:.1}", step * 0.76),
            height: format!("{:.1}", BOTTOM - y),
            middle: format!("{:.1}", x + step / 2.0),
            chosen: k == plan.k,
            labelled: k == plan.k
                || (k == 1 || k.is_multiple_of(every)) && k.abs_diff(plan.k) * 2 >= every,
            words: format!("{k} of {}: {}", plan.n, chance(*away)),
        }
    };
    let rule = |exponent: i32| Rule {
        y: (TOP + f64::from(exponent) * decade) as i32,
        label: if exponent == 0 { "always".to_owned() } else { power(exponent) },
    };
    Chart {
        n: plan.n,
        words: format!("With {} of {} shares needed: {}.", plan.k, plan.n, chance(chosen)),
        factor: words::grouped(10u64.pow(between.unsigned_abs())),
        grid: (0..=RULES).map(|line| rule(line * between)).collect(),
        bars: all.iter().enumerate().map(bar).collect(),
    }
}

/// `10⁻¹²`.
fn power(exponent: i32) -> String {
    const DIGITS: [&str; 10] = ["⁰", "¹", "²", "³", "⁴", "⁵", "⁶", "⁷", "⁸", "⁹"];
    let digit = |digit: char| digit.to_digit(10).and_then(|digit| DIGITS.get(digit as usize));
    let raised: String = exponent.to_string().chars().filter_map(digit).copied().collect();
    format!("10⁻{raised}")
}

/// A chance as people say it.
fn chance(away: f64) -> String {
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

fn tables(plan: &Plan, outcome: &Outcome) -> Vec<Table> {
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

#[cfg(test)]
mod tests {
    use super::*;

    async fn page(query: &str) -> String {
        let response = provisioning(&Arguments::parse(query).unwrap()).unwrap();
        let bytes = actix_web::body::to_bytes(response.into_body()).await.unwrap_or_default();
        String::from_utf8(bytes.to_vec()).unwrap()
    }

    #[actix_rt::test]
    async fn whatever_is_asked_there_is_a_page() {
        assert!(page("").await.contains("survives the loss of any 7"));
        assert!(page("k=1&happy=1&n=1").await.contains("All of it is one share"));
        for query in [
            "k=9&n=3",
            "k=256&happy=256&n=256&servers=1000000",
            "servers=0&uptime=-5&drive=0&hours=0",
            "uptime=100&users=1e400&files=NaN&gigabytes=inf",
            "uptime=0",
            "k=<script>&n=\"",
            "users=0&files=0&sharing=0&check=0&repair=0&drives=0&cost=NaN",
            "hours=1&check=100000&repair=256&uploads=1e9",
        ] {
            let html = page(query).await;
            assert!(
                html.contains("</html>") && !html.contains("NaN") && !html.contains("inf "),
                "{query}"
            );
        }
    }
}
