"""What to look at first: `preview.mp4` and `contact_sheet.png` side by side."""

from pathlib import Path

from trt_anime.files import output_error
from trt_anime.runtime.delivery import contact_sheet, preview
from trt_anime.runtime.delivery.targets import Advance, Notify, check_files
from trt_anime.runtime.results.reader import Results


def write_previews(
    results: Results,
    folder: Path,
    *,
    threads: int,
    overwrite: bool = False,
    notify: Notify = lambda sentence: None,
    advance: Advance = lambda count: None,
) -> list[Path]:
    """Write both; returns those that are there: FFmpeg may lack the video's codec, which is said.

    Args:
        advance: takes how many frames of the video were just written.

    Raises:
        InputError: one of them is there already, the clip isn't where it was, or a file is damaged.
        OutputError: the disk is full.
    """
    sheet, video = folder / contact_sheet.FILE_NAME, folder / preview.FILE_NAME
    check_files([sheet, video], overwrite=overwrite)
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise output_error(folder, error) from error
    contact_sheet.write_contact_sheet(results, sheet)
    if preview.write_preview(results, video, threads=threads, notify=notify, advance=advance):
        return [sheet, video]
    return [sheet]
