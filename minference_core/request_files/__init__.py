"""Files of requests: JSON Lines in, JSON Lines out, on the engine and with its memory."""

from minference_core.request_files.original import OAIApiFromFileConfig, process_api_requests_from_file
from minference_core.request_files.output import OutputError
from minference_core.request_files.report import FileReport
from minference_core.request_files.run import guess_client, run_request_file

__all__ = [
    "FileReport",
    "OAIApiFromFileConfig",
    "OutputError",
    "guess_client",
    "process_api_requests_from_file",
    "run_request_file",
]
