"""What stands in the lake and on the wire, to the byte: keys, payloads, quarantine records, histories, checkpoint."""
