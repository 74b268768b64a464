fn main() -> std::process::ExitCode {
    tahoe::cli::main()
}
