"""The command line: `wince --help`. Each file is one command or group; meaning lives below."""
