//! A chat room that notices when somebody is gone, however they went.
//!
//!     cargo run --example chat               opens a room and prints its furl
//!     cargo run --example chat FURL NAME     joins; a line typed is a line said
//!
//! References travel as arguments and replies here: who joins hands over an *ear* to be told
//! things through, and gets a *seat* to speak from. Only the holder of a seat can speak under its
//! name.

use actix::{Actor, Addr, AsyncContext, Context, Handler, ResponseFuture};
use std::error::Error;
use std::process::ExitCode;
use tahoe_objects::tub::{
    Disconnected, Furl, Hint, Identity, Ref, RemoteError, Tub, TubOptions, Watch,
};

tahoe_objects::remote_interface! {
    /// Where people meet.
    interface Room = "example.chat.room.v1" {
        0 => Join { name: String, ear: Ref<Ear> } -> Ref<Seat>,
    }
}

tahoe_objects::remote_interface! {
    /// The right to speak under one name.
    interface Seat = "example.chat.seat.v1" {
        0 => Say { text: String } -> (),
    }
}

tahoe_objects::remote_interface! {
    /// Where somebody hears.
    interface Ear = "example.chat.ear.v1" {
        0 => Hear { line: String } -> (),
    }
}

struct Member {
    name: String,
    ear: Ref<Ear>,
    _watch: Watch,
}

/// The room: who is in it.
#[derive(Default)]
struct Hall(Vec<Member>);

impl Hall {
    fn tell(&self, line: &str) {
        for member in &self.0 {
            member.ear.send_only(Hear { line: line.to_owned() });
        }
    }
}

impl Actor for Hall {
    type Context = Context<Self>;
}

impl Handler<Join> for Hall {
    type Result = Result<Ref<Seat>, RemoteError>;

    fn handle(&mut self, Join { name, ear }: Join, context: &mut Self::Context) -> Self::Result {
        let watch = ear.notify(context.address().recipient());
        self.0.push(Member { name: name.clone(), ear, _watch: watch });
        self.tell(&format!("* {name} is here"));
        Ok(Seat::of(tahoe_objects::tub::start(Chair { name, hall: context.address() })))
    }
}

impl Handler<Disconnected> for Hall {
    type Result = ();

    fn handle(&mut self, lost: Disconnected, _: &mut Self::Context) {
        let gone = self.0.iter().position(|member| member.ear.peer() == lost.peer);
        if let Some(member) = gone.map(|index| self.0.remove(index)) {
            self.tell(&format!("* {} is gone", member.name));
        }
    }
}

#[derive(actix::Message)]
#[rtype(result = "()")]
struct Spoken(String);

impl Handler<Spoken> for Hall {
    type Result = ();

    fn handle(&mut self, Spoken(line): Spoken, _: &mut Self::Context) {
        self.tell(&line);
    }
}

/// A seat: puts its name before what is said.
struct Chair {
    name: String,
    hall: Addr<Hall>,
}

impl Actor for Chair {
    type Context = Context<Self>;
}

impl Handler<Say> for Chair {
    type Result = ResponseFuture<Result<(), RemoteError>>;

    fn handle(&mut self, Say { text }: Say, _: &mut Self::Context) -> Self::Result {
        let spoken = self.hall.send(Spoken(format!("{}: {text}", self.name)));
        Box::pin(async { spoken.await.map_err(|_| RemoteError::Stopped) })
    }
}

/// An ear: prints what it hears.
struct Screen;

impl Actor for Screen {
    type Context = Context<Self>;
}

impl Handler<Hear> for Screen {
    type Result = Result<(), RemoteError>;

    fn handle(&mut self, Hear { line }: Hear, _: &mut Self::Context) -> Self::Result {
        println!("{line}");
        Ok(())
    }
}

async fn join(tub: &Tub, furl: &str, name: &str) -> Result<(), Box<dyn Error>> {
    let room = tub.get::<Room>(&Furl::parse(furl)?).await?;
    let ear = Ear::of(tahoe_objects::tub::start(Screen));
    let seat = room.call(Join { name: name.to_owned(), ear }).await?;
    let (typed, mut lines) = tokio::sync::mpsc::channel(16);
    std::thread::spawn(move || {
        let mut input = std::io::stdin().lines().map_while(Result::ok);
        input.try_for_each(|line| typed.blocking_send(line))
    });
    loop {
        tokio::select! {
            line = lines.recv() => match line {
                Some(text) => seat.call(Say { text }).await?,
                None => return Ok(()),
            },
            () = room.lost() => return Err("the room is gone".into()),
        }
    }
}

#[actix::main]
async fn main() -> ExitCode {
    match started().await {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("chat: {error}");
            ExitCode::FAILURE
        }
    }
}

async fn started() -> Result<(), Box<dyn Error>> {
    let tub = Tub::new(Identity::random(), TubOptions::default());
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    if let [furl, name] = arguments.as_slice() {
        return join(&tub, furl, name).await;
    }
    let port = tub.listen(([127, 0, 0, 1], 0).into()).await?.port();
    tub.set_hints(vec![Hint::tcp("127.0.0.1", port)]);
    println!(
        "{}",
        tub.register(Room::of(tahoe_objects::tub::start(Hall::default())), None).reveal()
    );
    Ok(tokio::signal::ctrl_c().await?)
}
