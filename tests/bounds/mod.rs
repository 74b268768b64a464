//! A grid under a flood: what it costs its processes and its honest user.

mod links;

use crate::nodes::times::{NOISE, Times, millis, times};
use crate::nodes::{Process, RunningGrid, http, storage_furls};
use std::future::Future;
use std::time::Instant;
use tahoe::base::seeded::bytes;
use tahoe::tub::Furl;

/// What a flooded process may grow by above what it took when idle.
pub const GROWTH_MAX: u64 = 64 << 20;

/// One storage node, a gateway and a file of 100,000 bytes that is read again and again.
pub struct Flooded {
    pub grid: RunningGrid,
    /// The storage node's furl.
    pub storage: Furl,
    file: (String, Vec<u8>),
    calm: Times,
}

impl Flooded {
    pub async fn new() -> Self {
        let grid = RunningGrid::of(1, "1 1 1");
        let storage = storage_furls(&grid.gateway.dir).remove(0);
        let content = bytes(1, 100_000);
        let cap = http().put(format!("{}/uri", grid.gateway.url)).send(&content[..]).unwrap();
        let file = (cap.into_body().read_to_string().unwrap(), content);
        let mut this = Self { grid, storage, file, calm: Times::default() };
        this.calm = this.read().await;
        this
    }

    async fn read(&self) -> Times {
        let (url, (cap, content)) = (self.grid.gateway.url.clone(), self.file.clone());
        let read = move || times(&url, &cap, &content);
        actix_rt::task::spawn_blocking(read).await.unwrap()
    }

    /// Reads while `flood` lasts and as long as reading takes; what the flood holds is dropped
    /// afterwards. Tells in one line what the flood says of itself and what it cost.
    pub async fn under<T>(&mut self, what: &str, flood: impl Future<Output = (String, T)>) {
        let began = Instant::now();
        let processes = [&self.grid.servers[0], &self.grid.gateway];
        let idle = processes.map(Process::forget_peak);
        let ((said, held), flooded) = futures_util::future::join(flood, self.read()).await;
        let peaks = processes.map(Process::peak);
        drop(held);
        // What else the machine does may change meanwhile; the calm on both sides tells.
        let calm = self.calm.worse(self.read().await);
        let grown = [peaks[0].saturating_sub(idle[0]), peaks[1].saturating_sub(idle[1])];
        crate::tell(&format!(
            "{what}: {said}; {} KiB grown on the storage node, {} on the gateway, p99 {:.1} ms calm \
             and {:.1} flooded, {:.1} s",
            grown[0] >> 10,
            grown[1] >> 10,
            millis(calm.p99),
            millis(flooded.p99),
            began.elapsed().as_secs_f32()
        ));
        assert!(grown.iter().all(|grown| *grown <= GROWTH_MAX), "{what}: {grown:?}");
        let most = calm.p99 * 2 + NOISE;
        assert!(flooded.p99 <= most, "{what}: p99 {:?}, {most:?} allowed", flooded.p99);
    }
}
