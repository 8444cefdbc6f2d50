"""From the broker to the stores: alarms to SQL at once, frames to time series in batches, then the
acknowledgement. What cannot be used goes to quarantine and never stops the stream."""
