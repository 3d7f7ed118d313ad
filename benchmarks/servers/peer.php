<?php
// The application of php-fpm.
switch ($_SERVER['REQUEST_URI']) {
    case '/big':
        $body = str_repeat('x', 1 << 20);
        break;
    case '/upload':
        $size = 0;
        $input = fopen('php://input', 'rb');
        while (($piece = fread($input, 65536)) !== false && $piece !== '') {
            $size += strlen($piece);
        }
        $body = "$size\n";
        break;
    default:
        $body = "Hello from the other end, world\n";
}
header('Content-Type: text/plain');
header('Content-Length: ' . strlen($body));
echo $body;
