//! The arithmetic of a grid before it is built: what may fail, and what that costs. No input or
//! output.
//!
//! With one share on each server and servers that are away independently of each other with
//! probability q, a file is away when more than n − k of its n servers are.

/// What is asked.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Plan {
    pub k: u32,
    pub happy: u32,
    pub n: u32,
    pub servers: f64,
    /// Percent of the time that a server is up.
    pub uptime: f64,
    pub drive_bytes: f64,
    /// Hours until a drive fails, on average.
    pub drive_hours: f64,
    pub users: f64,
    pub files_per_user: f64,
    pub bytes_per_user: f64,
    /// Users who have the same file, on average.
    pub sharing: f64,
    /// Files of one user, a day.
    pub uploads: f64,
    pub downloads: f64,
    pub deletes: f64,
    /// Days from one check of a file to the next.
    pub check_days: f64,
    /// A check that finds fewer shares has the others made again.
    pub repair_below: u32,
    pub drives_per_server: f64,
    /// Of one drive, in whatever money.
    pub drive_cost: f64,
}

/// What moves, in bytes and messages a second.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Traffic {
    pub uploads: f64,
    pub downloads: f64,
    pub deletes: f64,
    /// What one user sends and gets.
    pub user_up: f64,
    pub user_down: f64,
    /// What one server takes and gives.
    pub server_in: f64,
    pub server_out: f64,
    /// Shares that one server takes, gives or lets go of.
    pub server_shares: f64,
}

/// What checking and repair come to.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Upkeep {
    /// Checks of files in the whole grid, a second.
    pub checks: f64,
    /// The chance that a file is lost before its next check: with all shares, and with just as many
    /// as need no repair.
    pub lost_fresh: f64,
    pub lost_worn: f64,
    /// Files lost in a year, if all were as worn as that.
    pub lost_per_year: f64,
}

/// What comes out.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Outcome {
    pub expansion: f64,
    pub spare: u32,
    /// The chance that a file is away at any moment.
    pub away: f64,
    /// As above when the upload reached no more than `happy` servers.
    pub away_at_worst: f64,
    pub files: f64,
    pub plaintext: f64,
    pub shares: f64,
    pub stored: f64,
    pub shares_per_server: f64,
    pub stored_per_server: f64,
    pub drives: f64,
    pub drive_failures_per_year: f64,
    /// Shares that have to be made again in a year because drives failed.
    pub repaired_bytes_per_year: f64,
    /// Years until a file is lost for want of repair, if drives fail and nobody looks.
    pub years_unattended: f64,
    /// Bytes of a share that are not of the file: hashes, lengths, a lease.
    pub share_overhead: f64,
    /// The chance that one user can read all files at once.
    pub all_there: f64,
    pub drives_per_server: f64,
    pub cost: f64,
    pub cost_per_user: f64,
}

const HOURS_PER_YEAR: f64 = 24.0 * 365.25;

impl Plan {
    /// Which of the numbers cannot work, in sentences.
    pub fn problems(&self) -> Vec<String> {
        let mut all = Vec::new();
        if !(1 <= self.k && self.k <= self.happy && self.happy <= self.n && self.n <= 256) {
            all.push(format!(
                "It must be 1 ≤ needed ({}) ≤ happy ({}) ≤ total ({}) ≤ 256.",
                self.k, self.happy, self.n
            ));
        }
        if self.servers < f64::from(self.happy) {
            all.push(format!(
                "A file must reach {} servers and there are {}: nothing could be stored.",
                self.happy, self.servers
            ));
        }
        if !(self.k < self.repair_below && self.repair_below <= self.n) {
            all.push(format!(
                "Repair must begin while more than {} shares are left, and at most {} can be.",
                self.k, self.n
            ));
        }
        if f64::from(self.happy) <= self.servers && self.servers < f64::from(self.n) {
            all.push(format!(
                "There are more shares ({}) than servers ({}): some servers hold several of one \
                 file, and losing one of those loses more than one share.",
                self.n, self.servers
            ));
        }
        all
    }

    pub fn outcome(&self) -> Outcome {
        let q = (1.0 - self.uptime / 100.0).clamp(0.0, 1.0);
        let (k, n) = (f64::from(self.k), f64::from(self.n));
        let expansion = n / k;
        let files = self.users * self.files_per_user / self.sharing;
        let plaintext = self.users * self.bytes_per_user / self.sharing;
        let overhead = share_overhead(self.bytes_per_file(), n);
        let stored = plaintext * expansion + files * n * overhead;
        let least = self.servers * self.drives_per_server;
        let drives = (stored / self.drive_bytes).ceil().max(least);
        let failures = drives * HOURS_PER_YEAR / self.drive_hours;
        Outcome {
            expansion,
            spare: self.n.saturating_sub(self.k),
            away: away(self.k, self.n, q),
            away_at_worst: away(self.k, self.happy, q),
            files,
            plaintext,
            shares: files * n,
            stored,
            shares_per_server: files * n / self.servers,
            stored_per_server: stored / self.servers,
            drives,
            drive_failures_per_year: failures,
            repaired_bytes_per_year: failures * stored / drives,
            years_unattended: self.years_unattended(),
            share_overhead: overhead,
            all_there: (self.files_per_user * (-away(self.k, self.n, q)).ln_1p()).exp(),
            drives_per_server: drives / self.servers,
            cost: drives * self.drive_cost,
            cost_per_user: if self.users > 0.0 {
                drives * self.drive_cost / self.users
            } else {
                0.0
            },
        }
    }

    /// Of an average file.
    fn bytes_per_file(&self) -> f64 {
        if self.files_per_user > 0.0 { self.bytes_per_user / self.files_per_user } else { 0.0 }
    }

    pub fn traffic(&self) -> Traffic {
        const DAY: f64 = 86_400.0;
        let (k, n) = (f64::from(self.k), f64::from(self.n));
        let each = |count: f64| self.users * count / DAY;
        let (up, down) = (each(self.uploads), each(self.downloads));
        let deletes = each(self.deletes);
        let size = self.bytes_per_file();
        Traffic {
            uploads: up,
            downloads: down,
            deletes,
            user_up: self.uploads / DAY * size * n / k,
            user_down: self.downloads / DAY * size,
            server_in: up * size * n / k / self.servers,
            server_out: down * size / self.servers,
            server_shares: (up * n + down * k + deletes * n) / self.servers,
        }
    }

    /// Drives fail at a constant rate, each on its own; a file has one share on each of n.
    pub fn upkeep(&self) -> Upkeep {
        let hours = self.check_days * 24.0;
        let q = -(-hours / self.drive_hours).exp_m1();
        let files = self.users * self.files_per_user / self.sharing;
        let lost_worn = away(self.k, self.repair_below, q);
        Upkeep {
            checks: files / (hours * 3600.0),
            lost_fresh: away(self.k, self.n, q),
            lost_worn,
            lost_per_year: files * lost_worn * HOURS_PER_YEAR / hours,
        }
    }

    /// Each of the n drives fails at a constant rate; a file is lost with the failure that leaves
    /// k − 1. The times between failures add up.
    fn years_unattended(&self) -> f64 {
        let years = (self.k..=self.n).map(|left| self.drive_hours / f64::from(left.max(1)));
        years.sum::<f64>() / HOURS_PER_YEAR
    }

    /// The chance that a file is away, for each number of needed shares from 1 to n.
    pub fn by_needed(&self) -> Vec<f64> {
        let q = (1.0 - self.uptime / 100.0).clamp(0.0, 1.0);
        (1..=self.n).map(|k| away(k, self.n, q)).collect()
    }
}

/// What a share of an average file has besides its part: two trees of hashes over its segments, the
/// way to the root of the tree of shares, the block of facts, and one lease.
fn share_overhead(file_bytes: f64, n: f64) -> f64 {
    const SEGMENT: f64 = 131_072.0;
    let leaves = (file_bytes / SEGMENT).ceil().max(1.0).log2().ceil().exp2();
    68.0 + 2.0 * (2.0 * leaves - 1.0) * 32.0 + n.log2().ceil().max(0.0) * 34.0 + 320.0 + 72.0
}

/// The chance that fewer than `k` of `n` are there, each away with probability `q`.
pub fn away(k: u32, n: u32, q: f64) -> f64 {
    if k > n || q >= 1.0 {
        return 1.0;
    }
    // The logarithm of nothing is no number.
    if q <= 0.0 {
        return 0.0;
    }
    let p = 1.0 - q;
    // The terms of the binomial sum, each from the one before, in logarithms: they become small.
    let mut term = f64::from(n) * q.ln();
    let mut sum = 0.0;
    for there in 0..k {
        sum += term.exp();
        term += f64::from(n - there).ln() - f64::from(there + 1).ln() + p.ln() - q.ln();
    }
    sum.clamp(0.0, 1.0)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn plan() -> Plan {
        Plan {
            k: 3,
            happy: 7,
            n: 10,
            servers: 30.0,
            uptime: 99.0,
            drive_bytes: 1e12,
            drive_hours: 40_000.0,
            users: 100.0,
            files_per_user: 1_000.0,
            bytes_per_user: 1e10,
            sharing: 1.0,
            uploads: 10.0,
            downloads: 50.0,
            deletes: 5.0,
            check_days: 30.0,
            repair_below: 7,
            drives_per_server: 1.0,
            drive_cost: 100.0,
        }
    }

    #[test]
    fn the_chance_is_the_binomial_sum() {
        let near = |a: f64, b: f64| (a - b).abs() <= 1e-9 * b.abs();
        assert!(near(away(1, 1, 0.25), 0.25) && near(away(1, 3, 0.5), 0.125));
        assert!(near(away(2, 3, 0.1), 0.001 + 3.0 * 0.9 * 0.01));
        // 3 of 10 at 99 %: q^10 + 10 p q^9 + 45 p² q^8
        let (p, q) = (0.99f64, 0.01f64);
        let wanted = q.powi(10) + 10.0 * p * q.powi(9) + 45.0 * p * p * q.powi(8);
        assert!((away(3, 10, q) / wanted - 1.0).abs() < 1e-6);
        assert_eq!((away(3, 2, 0.1), away(1, 5, 1.0)), (1.0, 1.0));
        assert_eq!((away(1, 5, 0.0), away(3, 10, 0.0)), (0.0, 0.0));
    }

    #[test]
    fn more_needed_shares_are_cheaper_and_less_safe() {
        let all = plan().by_needed();
        assert_eq!(all.len(), 10);
        assert!(all.windows(2).all(|pair| pair[0] <= pair[1]));
    }

    #[test]
    fn the_numbers_add_up() {
        let outcome = plan().outcome();
        assert_eq!((outcome.spare, outcome.files), (7, 100_000.0));
        let (shares, overhead) = (outcome.shares, outcome.share_overhead);
        assert!((outcome.stored - 1e12 * 10.0 / 3.0 - shares * overhead).abs() < 1.0);
        // 10 MB are 77 segments, so each tree has 128 leaves.
        assert_eq!(overhead, 68.0 + 2.0 * 255.0 * 32.0 + 4.0 * 34.0 + 392.0);
        assert_eq!((outcome.cost, outcome.cost_per_user), (3_000.0, 30.0));
        assert_eq!(outcome.drives, 30.0);
        assert!(outcome.away < outcome.away_at_worst);
        assert!(outcome.all_there > 1.0 - 1_001.0 * outcome.away && outcome.all_there < 1.0);
        assert!((outcome.drive_failures_per_year - 30.0 * HOURS_PER_YEAR / 40_000.0).abs() < 1e-9);
    }

    #[test]
    fn what_moves_is_what_users_do() {
        let traffic = plan().traffic();
        let near = |a: f64, b: f64| (a / b - 1.0).abs() < 1e-9;
        assert!(near(traffic.uploads, 1_000.0 / 86_400.0));
        assert!(near(traffic.server_in, 1_000.0 / 86_400.0 * 1e7 * 10.0 / 3.0 / 30.0));
        assert!(near(traffic.user_down, 50.0 * 1e7 / 86_400.0));
        let shares = (1_000.0 * 10.0 + 5_000.0 * 3.0 + 500.0 * 10.0) / 86_400.0 / 30.0;
        assert!(near(traffic.server_shares, shares));
    }

    #[test]
    fn worn_files_and_long_pauses_are_less_safe() {
        let usual = plan().upkeep();
        assert!(0.0 < usual.lost_fresh && usual.lost_fresh < usual.lost_worn);
        let q = 1.0 - (-720.0f64 / 40_000.0).exp();
        assert!((usual.lost_worn / away(3, 7, q) - 1.0).abs() < 1e-9);
        let rarely = Plan { check_days: 365.0, ..plan() }.upkeep();
        assert!(rarely.lost_worn > usual.lost_worn && rarely.checks < usual.checks);
        let shared = Plan { sharing: 2.0, ..plan() };
        assert_eq!(shared.outcome().files * 2.0, plan().outcome().files);
    }

    #[test]
    fn what_cannot_work_is_said() {
        assert!(plan().problems().is_empty());
        assert_eq!(Plan { k: 8, ..plan() }.problems().len(), 2);
        assert!(Plan { servers: 5.0, ..plan() }.problems()[0].contains("nothing could be stored"));
        assert!(Plan { servers: 8.0, ..plan() }.problems()[0].contains("more shares"));
    }
}
