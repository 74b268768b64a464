//! Hello to the object layer: a calculator in one process, its user in another.
//!
//!     cargo run --example calculator               prints a furl and waits
//!     cargo run --example calculator FURL 40 2     asks the calculator there

use std::error::Error;
use std::process::ExitCode;
use tahoe_objects::tub::{Furl, Hint, Identity, RemoteError, Tub, TubOptions, start};

tahoe_objects::remote_interface! {
    /// Sums two numbers for whoever holds its furl.
    interface Calculator = "example.calculator.v1" {
        0 => Add { a: i64, b: i64 } -> i64,
    }
}

struct Desk;

impl actix::Actor for Desk {
    type Context = actix::Context<Self>;
}

impl actix::Handler<Add> for Desk {
    type Result = Result<i64, RemoteError>;

    fn handle(&mut self, Add { a, b }: Add, _: &mut Self::Context) -> Self::Result {
        a.checked_add(b).ok_or_else(|| RemoteError::app(1, "the sum is too large"))
    }
}

#[actix::main]
async fn main() -> ExitCode {
    match started().await {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("calculator: {error}");
            ExitCode::FAILURE
        }
    }
}

async fn started() -> Result<(), Box<dyn Error>> {
    let tub = Tub::new(Identity::random(), TubOptions::default());
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    if let [furl, a, b] = arguments.as_slice() {
        let calculator = tub.get::<Calculator>(&Furl::parse(furl)?).await?;
        println!("{}", calculator.call(Add { a: a.parse()?, b: b.parse()? }).await?);
        return Ok(());
    }
    let port = tub.listen(([127, 0, 0, 1], 0).into()).await?.port();
    tub.set_hints(vec![Hint::tcp("127.0.0.1", port)]);
    println!("{}", tub.register(Calculator::of(start(Desk)), None).reveal());
    Ok(tokio::signal::ctrl_c().await?)
}
