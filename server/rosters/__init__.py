"""Who is on duty when: shifts, the week as a page shows it, gaps, and swaps."""
