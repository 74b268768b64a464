//! Giving away less than one has, and taking it back.
//!
//!     cargo run --example attenuated
//!
//! The owner of an account hands a visitor a furl through which the balance can be read, nothing
//! else, until the owner changes their mind. No list of users is kept anywhere: the visitor's
//! furl leads to a forwarder, and the forwarder can do only so much.

use std::error::Error;
use std::process::ExitCode;
use tahoe_objects::tub::{Forward, Furl, Hint, Identity, RemoteError, Tub, TubOptions, start};

tahoe_objects::remote_interface! {
    /// Somebody's money.
    interface Account = "example.account.v1" {
        0 => Balance {} -> u64,
        1 => Deposit { amount: u64 } -> u64,
    }
}

struct Ledger(u64);

impl actix::Actor for Ledger {
    type Context = actix::Context<Self>;
}

impl actix::Handler<Balance> for Ledger {
    type Result = Result<u64, RemoteError>;

    fn handle(&mut self, _: Balance, _: &mut Self::Context) -> Self::Result {
        Ok(self.0)
    }
}

impl actix::Handler<Deposit> for Ledger {
    type Result = Result<u64, RemoteError>;

    fn handle(&mut self, Deposit { amount }: Deposit, _: &mut Self::Context) -> Self::Result {
        self.0 = self.0.checked_add(amount).ok_or(RemoteError::BadArguments)?;
        Ok(self.0)
    }
}

#[actix::main]
async fn main() -> ExitCode {
    match started().await {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("attenuated: {error}");
            ExitCode::FAILURE
        }
    }
}

async fn started() -> Result<(), Box<dyn Error>> {
    let owner = Tub::new(Identity::random(), TubOptions::default());
    let port = owner.listen(([127, 0, 0, 1], 0).into()).await?.port();
    owner.set_hints(vec![Hint::tcp("127.0.0.1", port)]);

    let account = Account::of(start(Ledger(100)));
    let whole: Furl = owner.register(account.clone(), None);
    let (weak, revoker) = Forward::to(account).allow::<Balance>().build();
    let weak: Furl = owner.register(weak, None);

    // The visitor could be anywhere: all that they have is the text of the second furl.
    let visitor = Tub::new(Identity::random(), TubOptions::default());
    let seen = visitor.get::<Account>(&Furl::parse(&weak.reveal())?).await?;
    println!("the visitor reads the balance: {}", seen.call(Balance {}).await?);
    println!("the visitor tries to deposit: {}", said(seen.call(Deposit { amount: 1 }).await));

    let own = visitor.get::<Account>(&whole).await?;
    println!("whoever has the whole furl deposits: {}", own.call(Deposit { amount: 11 }).await?);

    revoker.revoke();
    println!("after revocation the visitor reads: {}", said(seen.call(Balance {}).await));
    owner.unregister(&weak);
    let again = visitor.get::<Account>(&weak).await;
    println!("and finds at the furl: {}", said(again.map(|_| "an object")));
    Ok(())
}

fn said<T: std::fmt::Display>(outcome: Result<T, RemoteError>) -> String {
    outcome.map_or_else(|error| format!("refused, {error}"), |value| value.to_string())
}
