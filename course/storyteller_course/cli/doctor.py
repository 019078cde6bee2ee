"""`storyteller doctor`: is this machine ready, and if not, what to do."""

import typer

from storyteller_course.doctor import examine


def doctor() -> None:
    """Examine Python, torch, device, memory, disk and packages; say what to do about each fault."""
    from rich.console import Console

    console = Console(highlight=False, soft_wrap=True)
    findings = examine()
    width = max(len(finding.about) for finding in findings)
    for finding in findings:
        console.print(f"{finding.verdict:<7} {finding.about:<{width}}  {finding.text}", markup=False)
        if finding.remedy:
            console.print(" " * (8 + width + 2) + finding.remedy, markup=False)
    faults = sum(finding.verdict == "fault" for finding in findings)
    advice = sum(finding.verdict == "advice" for finding in findings)
    if faults:
        console.print(f"\n{faults} to mend before Storyteller works.")
        raise typer.Exit(1)
    console.print("\nStoryteller can work here" + (f"; {advice} to consider." if advice else "."))
