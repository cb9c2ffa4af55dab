//! The command-line program `mproc`: see [`mproc::tool`].

fn main() -> std::process::ExitCode {
    mproc::tool::main()
}
