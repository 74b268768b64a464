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
        } else if self.servers < f64::from(self.n) {
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
        let files = self.users * self.files_per_user;
        let plaintext = self.users * self.bytes_per_user;
        let stored = plaintext * expansion;
        let drives = (stored / self.drive_bytes).ceil().max(self.servers);
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

/// The chance that fewer than `k` of `n` are there, each away with probability `q`.
pub fn away(k: u32, n: u32, q: f64) -> f64 {
    if k > n || q >= 1.0 {
        return 1.0;
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
        assert_eq!(away(1, 5, 0.0), 0.0);
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
        assert!((outcome.stored - 1e12 * 10.0 / 3.0).abs() < 1.0);
        assert_eq!(outcome.drives, 30.0);
        assert!(outcome.away < outcome.away_at_worst);
        assert!((outcome.drive_failures_per_year - 30.0 * HOURS_PER_YEAR / 40_000.0).abs() < 1e-9);
    }

    #[test]
    fn what_cannot_work_is_said() {
        assert!(plan().problems().is_empty());
        assert_eq!(Plan { k: 8, ..plan() }.problems().len(), 1);
        assert!(Plan { servers: 5.0, ..plan() }.problems()[0].contains("nothing could be stored"));
        assert!(Plan { servers: 8.0, ..plan() }.problems()[0].contains("more shares"));
    }
}
