locals {
  alarms = {
    trouble = {
      namespace  = "prefixwarm"
      metric     = "WarmTrouble"
      dimensions = { service = var.name }
      period     = 3600
      missing    = "notBreaching"
      text       = "Something is wrong: the saved query says what"
    }
    # Lambda writes Errors at every invocation, 0 for one that succeeds: no data, no invocation.
    not-running = {
      namespace  = "AWS/Lambda"
      metric     = "Errors"
      dimensions = { FunctionName = aws_lambda_function.keep_warm.function_name }
      period     = 900
      missing    = "breaching"
      text       = "The keep-warm function fails, or is not started"
    }
  }
  alarm_actions = var.alarm_topic_arn == null ? [] : [var.alarm_topic_arn]
}

resource "aws_cloudwatch_metric_alarm" "own" {
  for_each            = { for name, alarm in local.alarms : name => alarm if var.alarms }
  alarm_name          = "${var.name}-${each.key}"
  alarm_description   = each.value.text
  alarm_actions       = local.alarm_actions
  namespace           = each.value.namespace
  metric_name         = each.value.metric
  dimensions          = each.value.dimensions
  statistic           = "Sum"
  period              = each.value.period
  evaluation_periods  = 1
  threshold           = 3
  comparison_operator = "GreaterThanOrEqualToThreshold"
  treat_missing_data  = each.value.missing
}

resource "aws_cloudwatch_metric_alarm" "queue" {
  for_each            = { for queue in aws_sqs_queue.dead_letters : "dead-letters" => queue.name if var.alarms }
  alarm_name          = "${var.name}-${each.key}"
  alarm_description   = "Workers could not take a message"
  alarm_actions       = local.alarm_actions
  namespace           = "AWS/SQS"
  metric_name         = "ApproximateNumberOfMessagesVisible"
  dimensions          = { QueueName = each.value }
  statistic           = "Maximum"
  period              = 900
  evaluation_periods  = 1
  threshold           = 1
  comparison_operator = "GreaterThanOrEqualToThreshold"
  treat_missing_data  = "notBreaching"
}

resource "aws_cloudwatch_query_definition" "wrong" {
  name            = "prefixwarm/${var.name}/is anything wrong"
  log_group_names = ["/aws/lambda/${aws_lambda_function.keep_warm.function_name}"]
  query_string    = <<-QUERY
    fields @timestamp, message, prefix, why, result, reason, state_error
    | filter ispresent(WarmTrouble) or level in ["WARNING", "ERROR", "CRITICAL"]
    | sort @timestamp desc
    | limit 200
  QUERY
}
