//! The terminal.

/// Columns and rows of the terminal that standard output is; `None` if it is none, or does not say.
pub(crate) fn size() -> Option<(usize, usize)> {
    // SAFETY: winsize is plain old data; zero is valid.
    let mut size: libc::winsize = unsafe { std::mem::zeroed() };
    // SAFETY: TIOCGWINSZ fills in a winsize; on anything but a terminal it fails.
    let failed = unsafe { libc::ioctl(libc::STDOUT_FILENO, libc::TIOCGWINSZ, &mut size) } != 0;
    (!failed && size.ws_col > 0 && size.ws_row > 0).then_some((usize::from(size.ws_col), usize::from(size.ws_row)))
}
