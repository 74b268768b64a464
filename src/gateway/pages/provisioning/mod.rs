//! `/provisioning`: a grid planned before it is built, after the tool of 0.6: the questions, and the
//! page with what the answers come to.

mod chart;
mod tables;

use super::super::answer::Failure;
use super::super::args::Arguments;
use super::super::asked::Asked;
use super::info::shares;
use super::plan::Plan;
use super::{Frame, show};
use actix_web::HttpResponse;
use actix_web::http::StatusCode;
use askama::Template;
use chart::{Chart, chart};
use tables::{Table, tables};

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
pub fn provisioning(asked: &Asked<'_>) -> Result<HttpResponse, Failure> {
    planned(&asked.arguments)
}

fn planned(arguments: &Arguments) -> Result<HttpResponse, Failure> {
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

#[cfg(test)]
mod tests {
    use super::*;

    async fn page(query: &str) -> String {
        let response = planned(&Arguments::parse(query).unwrap()).unwrap();
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
